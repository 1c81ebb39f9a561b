import { type FileHandle, open, rm } from 'node:fs/promises'
import { Command } from 'commander'
import { exportTenant } from '../ops/export-tenant.ts'
import { commandClock } from './command-clock.ts'
import { Misuse } from './misuse.ts'
import { printJson, printPart } from './print.ts'
import { type DatabaseOptions, withDatabase } from './with-database.ts'

type Options = DatabaseOptions & { tenant: string; out?: string }

export const exportCommand = () =>
  new Command('export')
    .description('everything that is kept of a tenant, with its personal data, as one JSON document')
    .requiredOption('--tenant <id>', 'whose')
    .option('--out <file>', 'the file to make, which only you can read; it must not exist')
    .option('--json', 'with --out, print {"file", "facts"}; without it the document is JSON anyway')
    .action((options: Options) =>
      withDatabase(options, async (db) => {
        const { tenant, out } = options
        const now = await commandClock(options)
        if (out === undefined) {
          await exportTenant(db, tenant, now(), printPart)
          return
        }
        const { facts } = await intoNewFile(out, (file) =>
          exportTenant(db, tenant, now(), async (text) => {
            await file.write(text)
          }),
        )
        if (options.json) await printJson({ file: out, facts })
        else process.stderr.write(`${facts} facts in ${out}, with personal data\n`)
      }),
    )

/** Half a file is removed. @throws Misuse when there is one of this name */
async function intoNewFile<T>(path: string, fill: (file: FileHandle) => Promise<T>): Promise<T> {
  const file = await open(path, 'wx', 0o600).catch((error: NodeJS.ErrnoException) => {
    throw error.code === 'EEXIST' ? new Misuse(`${path} exists already; name a file that does not`) : error
  })
  try {
    return await fill(file)
  } catch (error) {
    await rm(path, { force: true })
    throw error
  } finally {
    await file.close()
  }
}
