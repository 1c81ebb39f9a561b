import { Command } from 'commander'
import { type Why, why } from '../ops/why.ts'
import type { WhyLine } from '../ops/why-lines.ts'
import { causesText } from './causes.ts'
import { money } from './money.ts'
import { paint, printJson, printLine, shortValue } from './print.ts'
import { type DatabaseOptions, withDatabase } from './with-database.ts'

export const whyCommand = () =>
  new Command('why')
    .description('list the facts that made a row, or one value of it')
    .argument('<table>', 'such as billing_subscriptions')
    .argument('<key>', 'the row’s primary key, such as sub_…')
    .argument('[column]', 'only the facts that changed this')
    .option('--json', 'print one JSON document')
    .action((table: string, key: string, column: string | undefined, options: DatabaseOptions) =>
      withDatabase(options, async (db) => {
        const answer = await why(db, table, key, column)
        if (options.json) await printJson(answer)
        else await printWhy(answer)
      }),
    )

async function printWhy({ table, key, column, tenant_id, row, facts, usage_lines }: Why): Promise<void> {
  const value = column === null ? '' : ` ${column} = ${shortValue(row[column])}`
  await printLine(paint('bold', `${table} ${key}${value}`))
  if (tenant_id !== null) await printLine(`of tenant ${tenant_id}`)
  for (const { position, occurred_at, type, about, actor, causation, event, fact_id, changes } of facts) {
    const because = causation === null ? '' : `, because of ${causation}`
    const what = about === null ? type : `${type}  ${about}`
    await printLine(`\n#${position}  ${occurred_at}  ${what}  ${paint('dim', `by ${actor}${because}`)}`)
    if (event !== null)
      await printLine(`  after #${event.position} ${event.about ?? ''}  ${paint('dim', event.event_id)}`)
    await printLine(`  ${paint('dim', fact_id)}`)
    const width = Math.max(...changes.map((change) => change.column.length))
    for (const change of changes)
      await printLine(
        `  ${change.column.padEnd(width)}  ${shortValue(change.before)} → ${shortValue(change.after)}`,
      )
  }
  for (const line of usage_lines ?? []) await printLine(lineText(line))
}

function lineText(line: WhyLine): string {
  const { currency, usage_type, kind, quantity, rates, amount_cents, refusal, counted, facts } = line
  const month = `${line.starts_at.slice(0, 10)} to ${line.ends_at.slice(0, 10)}`
  const each = rates
    .map((rate) => `${money(rate.rate_cents, currency)} per ${rate.per_units}`)
    .join(', then ')
  const { stream, after_position, upto_position } = counted
  return [
    `\n${usage_type} of ${month}: ${quantity} at ${each}: ${kind} of ${money(amount_cents, currency)}`,
    ...(refusal === null ? [] : [paint('red', `  refused: ${refusal}`)]),
    `  counted ${stream} after #${after_position} up to #${upto_position}`,
    `  ${causesText(facts)}  ${paint('dim', line.line_id)}`,
  ].join('\n')
}
