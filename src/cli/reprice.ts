import { Command, InvalidArgumentError } from 'commander'
import { changesMoreThan, type Delta, type RepriceReport, reprice } from '../ops/reprice.ts'
import { Misuse } from './misuse.ts'
import { money, moneyChange } from './money.ts'
import { paint, printJson, printLine, printTable } from './print.ts'
import { withProgress } from './progress.ts'
import { readRates } from './rates-file.ts'
import { type DatabaseOptions, withDatabase } from './with-database.ts'

type Options = DatabaseOptions & {
  rates: string
  tenant?: string
  from?: string
  to?: string
  failAbove?: number
}

export const repriceCommand = () =>
  new Command('reprice')
    .description(
      'say what usage, platform base and plans would cost at other prices, and the next invoices; change nothing',
    )
    .requiredOption(
      '--rates <file>',
      'JSON: {"case": {"rate_cents": 1200, "per_units": 1}, …, "plans": {"price_…": 5900}}',
    )
    .option('--tenant <id>', 'only this tenant')
    .option('--from <time>', 'from this UTC time on, in ISO 8601', time)
    .option('--to <time>', 'up to and without this time', time)
    .option('--fail-above <percent>', 'exit code 1 when the total or a tenant changes by more', percent)
    .option('--json', 'print the report as one JSON document')
    .action(async (options: Options) => {
      const { tenant: tenantId, from, to, failAbove } = options
      if (from !== undefined && to !== undefined && to <= from) throw new Misuse('--to must be after --from')
      const prices = await readRates(options.rates)
      await withDatabase(options, async (db) => {
        const report = await withProgress(
          'Pricing',
          (onProgress) => reprice(db, { ...prices, tenantId, from, to, onProgress }),
          'tenants',
        )
        const isTooMuch = failAbove !== undefined && changesMoreThan(report, failAbove)
        if (isTooMuch) process.exitCode = 1
        if (options.json) return printJson(report)
        await printReport(report)
        if (isTooMuch) await printLine(paint('red', `\nA change is above ${failAbove} %`))
      })
    })

async function printReport({ tenants, total, currency }: RepriceReport): Promise<void> {
  const percentOf = ({ percent }: Delta) =>
    percent === null ? 'new' : `${percent > 0 ? '+' : ''}${percent} %`
  const cells = (one: RepriceReport['total']) => [
    money(one.old_cents, currency),
    money(one.new_cents, currency),
    moneyChange(one.delta_cents, currency),
    percentOf(one),
    money(one.next_invoice_cents.old_cents, currency),
    money(one.next_invoice_cents.new_cents, currency),
    percentOf(one.next_invoice_cents),
  ]
  await printTable(
    ['tenant', 'due', 'then', 'delta', 'percent', 'next invoice', 'then', 'percent'],
    [...tenants.map((one) => [one.tenant_id, ...cells(one)]), ['total', ...cells(total)]],
  )
}

function time(value: string): string {
  if (!/^\d{4}-\d\d-\d\d(T.*(Z|[+-]\d\d:\d\d))?$/.test(value) || Number.isNaN(Date.parse(value)))
    throw new InvalidArgumentError('Expected a time such as 2026-01-31 or 2026-01-31T12:00:00Z.')
  return new Date(value).toISOString()
}

function percent(value: string): number {
  const number = /^(\d+(?:\.\d+)?) ?%?$/.exec(value)?.[1]
  if (number === undefined) throw new InvalidArgumentError('Expected a percentage such as 5%.')
  return Number(number)
}
