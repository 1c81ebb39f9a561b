import { z } from 'zod'
import { duesOf } from '../charges/dues.ts'
import { knownOf } from '../charges/known.ts'
import { chargedCents } from '../charges/lines.ts'
import { cents, timeOut } from '../db/fields.ts'
import type { Reader } from '../db/tables.ts'
import { usageTypes } from '../log/facts.ts'

const exact = z.string().meta({ description: 'A whole number in decimal, however large' })

const MonthDue = z.object({
  usage_type: z.enum(usageTypes),
  quantity: exact,
  due_cents: exact,
  /** Below zero: a credit that is to come. */
  uncharged_cents: exact,
  state: z.enum(['priced', 'held', 'unpriced']),
})

const MonthLine = z.object({
  line_id: z.string(),
  usage_type: z.enum(usageTypes),
  kind: z.enum(['item', 'first', 'credit_note', 'forgiven']),
  invoice_id: z.string().nullable().meta({ description: 'null: it is being made, or none has it' }),
  invoice_number: z.string().nullable(),
  amount_cents: cents,
  refusal: z.string().nullable(),
})

/** A month of service, or a trial. Types that were not used and owe nothing are left out. */
export const TenantMonth = z
  .object({
    window_id: z.string(),
    starts_at: timeOut,
    ends_at: timeOut,
    is_trial: z.boolean(),
    is_open: z.boolean(),
    currency: z.string(),
    dues: z.array(MonthDue),
    lines: z.array(MonthLine),
  })
  .meta({ id: 'AdminTenantMonth' })
export type TenantMonth = z.infer<typeof TenantMonth>

/** The months of a tenant's service, newest first: of the open one what it has used so far. */
export async function monthsOf(reader: Reader, tenantId: string): Promise<TenantMonth[]> {
  const known = await knownOf(reader, tenantId)
  const dues = await duesOf(reader, known)
  const numbers = new Map(known.invoices.map(({ invoice_id, number }) => [invoice_id, number]))
  return known.windows
    .toReversed()
    .map(({ window_id, starts_at, ends_at, is_trial, closed_at, currency }) => ({
      ...{ window_id, starts_at, ends_at, currency },
      is_trial: is_trial === 1,
      is_open: closed_at === null,
      dues: dues
        .filter((due) => due.window.window_id === window_id)
        .map((due) => ({
          usage_type: due.type,
          quantity: String(due.quantity),
          due_cents: String(due.cents),
          uncharged_cents: String(due.cents - chargedCents(known.lines, due)),
          state: due.state,
        }))
        .filter((due) => [due.quantity, due.due_cents, due.uncharged_cents].some((number) => number !== '0')),
      lines: known.lines
        .filter((line) => line.window_id === window_id)
        .map(({ line_id, usage_type, kind, invoice_id, amount_cents, refusal }) => ({
          ...{ line_id, usage_type, kind, invoice_id, amount_cents, refusal },
          invoice_number: numbers.get(invoice_id ?? '') ?? null,
        })),
    }))
}
