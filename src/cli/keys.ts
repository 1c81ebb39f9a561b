import { Command, Option } from 'commander'
import { createKey, listKeys, revokeKey } from '../auth/keys.ts'
import { migrate } from '../db/migrate.ts'
import { commandClock } from './command-clock.ts'
import { printJson, printLine, printTable } from './print.ts'
import { rotatePersonalCommand } from './rotate-personal.ts'
import { type DatabaseOptions, withDatabase, withNewDatabase } from './with-database.ts'

export const keysCommand = () =>
  new Command('keys')
    .description('make, list and revoke API keys; roll the key of personal data')
    .addCommand(createCommand())
    .addCommand(listCommand())
    .addCommand(revokeCommand())
    .addCommand(rotatePersonalCommand())

type CreateOptions = DatabaseOptions & { scope: 'admin' | 'platform' | 'tenant'; tenant?: string }

const createCommand = () =>
  new Command('create')
    .description('make a key, shown this once')
    .addOption(
      new Option('--scope <scope>', 'what it may do')
        .choices(['admin', 'platform', 'tenant'])
        .makeOptionMandatory(),
    )
    .option('--tenant <id>', 'whose, for the scope tenant')
    .option('--json', 'print {"id", "key", "scope", "tenant_id"}')
    .action((options: CreateOptions) =>
      withNewDatabase(options, async (db) => {
        await migrate(db)
        const { scope, tenant: tenantId = null } = options
        const now = await commandClock(options)
        const made = await createKey(db, { scope, tenantId, now: now() })
        if (options.json) return printJson(made)
        await printLine(made.key)
        process.stderr.write(`${made.id}, scope ${made.scope}. The key is shown this once.\n`)
      }),
    )

const listCommand = () =>
  new Command('list')
    .description('list the keys, without the keys themselves')
    .option('--json', 'print one JSON array')
    .action((options: DatabaseOptions) =>
      withDatabase(options, async (db) => {
        const keys = await listKeys(db)
        if (options.json) return printJson(keys)
        await printTable(
          ['id', 'scope', 'tenant', 'created', 'revoked'],
          keys.map((key) => [key.key_id, key.scope, key.tenant_id, key.created_at, key.revoked_at]),
        )
      }),
    )

const revokeCommand = () =>
  new Command('revoke')
    .description('let nobody in with a key any more')
    .argument('<id>', 'the id that create and list show')
    .option('--json', 'print {"id", "revoked"}; exit code 1 when there is no such key')
    .action((id: string, options: DatabaseOptions) =>
      withDatabase(options, async (db) => {
        const now = await commandClock(options)
        const revoked = await revokeKey(db, id, now())
        if (options.json) await printJson({ id, revoked })
        else if (revoked) await printLine(`Revoked ${id}`)
        else process.stderr.write(`stepledger: no key ${id}\n`)
        if (!revoked) process.exitCode = 1
      }),
    )
