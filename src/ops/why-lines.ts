import { z } from 'zod'
import { closingId } from '../charges/keys.ts'
import { type Known, knownOf, type Line } from '../charges/known.ts'
import { cardsOf } from '../charges/rates.ts'
import { cents, timeOut } from '../db/fields.ts'
import type { Reader } from '../db/tables.ts'
import { rate, streams, usageTypes } from '../log/facts.ts'
import { Cause, causesAt } from './causes.ts'

export const WhyLine = z
  .object({
    line_id: z.string(),
    usage_type: z.enum(usageTypes),
    kind: z.enum(['item', 'first', 'credit_note', 'forgiven']),
    invoice_id: z.string().nullable(),
    window_id: z.string(),
    /** The service month that it is for. */
    starts_at: timeOut,
    ends_at: timeOut,
    quantity: z.string().meta({ description: 'All that the month has used, in decimal' }),
    rates: z
      .array(rate.extend({ rate_card_id: z.string() }))
      .meta({ description: 'Which priced it, the earliest first' }),
    currency: z.string(),
    amount_cents: cents.meta({ description: 'What was due of the month less what was charged before' }),
    refusal: z.string().nullable().meta({ description: 'Why it is not on the invoice after all' }),
    counted: z.object({ stream: z.string(), after_position: z.int(), upto_position: z.int() }).meta({
      description:
        'The facts that it has counted and the month’s line before it had not; 0: from the first on',
    }),
    facts: z.array(Cause).meta({ description: 'That which asked for it, and that which closed its month' }),
  })
  .meta({ id: 'WhyLine' })
export type WhyLine = z.infer<typeof WhyLine>

/** The tables whose rows are made of lines, and the column of a line that names the row. */
const columns = {
  billing_invoices: 'invoice_id',
  billing_windows: 'window_id',
  billing_usage_lines: 'line_id',
} as const

/** The lines of an invoice or a window, or the one, each with what proves it. Null: the row is none of these. */
export async function linesBehind(
  reader: Reader,
  table: string,
  key: string,
  tenantId: string | null,
): Promise<WhyLine[] | null> {
  if (!isOfLines(table)) return null
  const known = await knownOf(reader, tenantId ?? '')
  const lines = known.lines.filter((line) => line[columns[table]] === key)
  const closings = await closingsOf(reader, lines)
  const causes = await causesAt(reader, [...lines.map(({ position }) => position), ...closings.values()])
  return lines.flatMap((line) => {
    const window = known.windows.find(({ window_id }) => window_id === line.window_id)
    if (window === undefined) return []
    const { line_id, usage_type, kind, invoice_id, window_id, quantity, amount_cents, refusal } = line
    const positions = [line.position, closings.get(window_id) ?? 0]
    return {
      ...{ line_id, usage_type, kind, invoice_id, window_id, quantity, amount_cents, refusal },
      starts_at: window.starts_at,
      ends_at: window.ends_at,
      currency: window.currency,
      rates: cardsOf(known, window, usage_type).map(({ rate_card_id, rates }) => ({
        rate_card_id,
        ...rates[usage_type],
      })),
      counted: {
        stream: streams.usage(known.tenantId),
        after_position: lineBefore(known, line)?.upto_position ?? 0,
        upto_position: line.upto_position,
      },
      facts: positions.flatMap((position) => causes.get(position) ?? []),
    }
  })
}

const isOfLines = (table: string): table is keyof typeof columns => table in columns

/** Of one refused, nothing was counted for good. */
const lineBefore = ({ lines }: Known, { window_id, usage_type, position }: Line) =>
  lines.findLast(
    (line) =>
      line.window_id === window_id &&
      line.usage_type === usage_type &&
      line.position < position &&
      line.refusal === null,
  )

/** By window, the position of the fact that closed it. */
async function closingsOf(reader: Reader, lines: readonly Line[]): Promise<Map<string, number>> {
  const windowIds = new Map(lines.map(({ window_id }) => [closingId(window_id), window_id]))
  if (windowIds.size === 0) return new Map()
  const facts = await reader
    .selectFrom('billing_events')
    .select(['fact_id', 'position'])
    .where('fact_id', 'in', [...windowIds.keys()])
    .execute()
  return new Map(facts.map(({ fact_id, position }) => [windowIds.get(fact_id) ?? '', position]))
}
