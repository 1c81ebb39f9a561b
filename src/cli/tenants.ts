import { Command } from 'commander'
import { readConfig } from '../config.ts'
import { type Delinquent, listDelinquents } from '../ops/delinquents.ts'
import { commandClock } from './command-clock.ts'
import { money } from './money.ts'
import { printJson, printTable } from './print.ts'
import { whole } from './whole.ts'
import { type DatabaseOptions, withDatabase } from './with-database.ts'

export const tenantsCommand = () =>
  new Command('tenants').description('say how tenants stand').addCommand(delinquentCommand())

const delinquentCommand = () =>
  new Command('delinquent')
    .description('list the tenants whose payments fail, the latest to begin first')
    .option('--limit <number>', 'stop after so many', whole('a number of tenants'), 100)
    .option('--json', 'print one JSON array')
    .action((options: DatabaseOptions & { limit: number }) =>
      withDatabase(options, async (db) => {
        const now = (await commandClock(options))()
        const { accessRules } = readConfig(process.env)
        const tenants: Delinquent[] = []
        for (let cursor: string | undefined; tenants.length < options.limit; ) {
          const limit = Math.min(100, options.limit - tenants.length)
          const page = await listDelinquents(db.reader, { limit, cursor }, { now, accessRules })
          tenants.push(...page.items)
          if (page.next_cursor === null) break
          cursor = page.next_cursor
        }
        if (options.json) return printJson(tenants)
        await printTable(
          ['tenant', 'owed', 'failing since', 'declined', 'next attempt', 'access', 'until'],
          tenants.map((one) => [
            one.tenant_id,
            one.owed.map(({ amount_cents, currency }) => money(amount_cents, currency)).join(', '),
            one.failing_since,
            one.last_decline_code,
            one.next_attempt_at,
            one.access,
            one.until,
          ]),
        )
      }),
    )
