import { Command } from 'commander'
import { type Diff, diff } from '../ops/diff.ts'
import { ImpossiblePast } from '../ops/past.ts'
import { readRateCards } from '../pricing/rate-cards.ts'
import { causesText } from './causes.ts'
import { Misuse } from './misuse.ts'
import { money as amountText, moneyChange } from './money.ts'
import { paint, printJson, printLine, printTable, shortValue } from './print.ts'
import { type DatabaseOptions, withDatabase } from './with-database.ts'

type Options = DatabaseOptions & { tenant: string; from: string; to: string }

export const diffCommand = () =>
  new Command('diff')
    .description('say what changed for a tenant between two moments, and which facts did it')
    .requiredOption('--tenant <id>', 'whose')
    .requiredOption('--from <moment>', 'a position of the log, or a UTC time in ISO 8601')
    .requiredOption('--to <moment>', 'likewise')
    .option('--json', 'print one JSON document')
    .action((options: Options) =>
      withDatabase(options, async (db) => {
        const { tenant: tenantId, from, to } = options
        const changes = await diff(db, { tenantId, from, to }).catch((error: unknown) => {
          throw error instanceof ImpossiblePast ? new Misuse(error.message) : error
        })
        if (options.json) return printJson(changes)
        // What is billed is in the currency of the rate card.
        await printDiff(changes, (await readRateCards(db.reader)).at(-1)?.currency ?? null)
      }),
    )

async function printDiff(
  { tenant_id, from, to, sessions, rows, money }: Diff,
  currency: string | null,
): Promise<void> {
  const amountOf = (cents: number | null) => (cents === null ? null : amountText(cents, currency))
  const moment = ({ position, time }: Diff['from']) => `position ${position}, ${time ?? 'the beginning'}`
  await printLine(`${tenant_id}\nfrom ${moment(from)}\nto   ${moment(to)}`)
  if (sessions.length + rows.length + money.length === 0) return printLine('\nNothing changed')
  if (sessions.length > 0) {
    await printLine(paint('bold', '\nSessions'))
    for (const { session_id, before, after, facts } of sessions)
      await printLine(`  ${session_id}: ${before ?? '-'} → ${after ?? '-'}\n    ${causesText(facts)}`)
  }
  if (money.length > 0) {
    await printLine('')
    await printTable(
      ['money', 'before', 'after', 'delta', 'because of'],
      money.map(({ amount, before, after, delta, facts }) => [
        // The amount is in its currency here.
        amount.replace(/_cents$/, ''),
        amountOf(before),
        amountOf(after),
        moneyChange(delta, currency),
        causesText(facts),
      ]),
    )
  }
  if (rows.length > 0) await printLine(paint('bold', '\nRows'))
  for (const { table, key, change, columns } of rows) {
    if (change === 'added') {
      const [first] = columns
      await printLine(
        `  ${paint('green', '+')} ${table} ${key}  ${causesText(first?.facts.slice(0, 1) ?? [])}`,
      )
      continue
    }
    await printLine(`  ${paint('yellow', '~')} ${table} ${key}`)
    for (const { column, before, after, facts } of columns)
      if (column !== 'snapshot')
        await printLine(
          `      ${column}: ${shortValue(before)} → ${shortValue(after)}  ${paint('dim', causesText(facts))}`,
        )
  }
}
