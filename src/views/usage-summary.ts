import { z } from 'zod'
import { knownOf } from '../charges/known.ts'
import { amountsOf } from '../charges/summary.ts'
import { cents, timeOut } from '../db/fields.ts'
import type { Reader } from '../db/tables.ts'
import { usageTypes } from '../db/usage-types.ts'
import { AppError } from '../errors.ts'
import { cardAt } from '../pricing/price.ts'

const part = (description: string) => z.object({ amount_cents: cents }).meta({ description })

/** The rate is the one in force at the end of the period, or now if that is earlier. Older usage keeps its own. */
const UsageLine = z.object({
  usage_type: z.enum(usageTypes),
  quantity: z.int(),
  unit_rate_cents: cents,
  per_units: z.int(),
  amount_cents: cents.meta({ description: 'The sum of the three that follow' }),
  billed: part('On paid invoices'),
  unbilled: part('On no invoice, or on one that is not paid; below zero: a credit to come'),
  forgiven: part('On voided invoices, forgiven by an operator, or of a trial that led to no paid month'),
})
type UsageLine = z.infer<typeof UsageLine>

/** Every type, used or not. */
export const UsageSummary = z
  .object({
    tenant_id: z.string(),
    period_start: timeOut,
    period_end: timeOut,
    currency: z.string(),
    usage: z.array(UsageLine),
    totals: z.object({
      amount_cents: cents,
      billed_amount_cents: cents,
      unbilled_amount_cents: cents,
      forgiven_amount_cents: cents,
    }),
  })
  .meta({ id: 'UsageSummary' })
export type UsageSummary = z.infer<typeof UsageSummary>

/**
 * Usage that occurred in the half-open period. Quantities of parts of a period add up exactly; amounts are rounded once per window and
 * type within the period, so parts that cut a window may differ by a cent each.
 * @throws AppError conflict from 2^53 up
 */
export async function usageSummary(
  reader: Reader,
  { tenantId, start, end, now }: { tenantId: string; start: string; end: string; now: Date },
): Promise<UsageSummary> {
  const known = await knownOf(reader, tenantId)
  const time = now.toISOString()
  const current = cardAt(known.cards, end < time ? end : time)
  const usage: UsageLine[] = []
  for (const usage_type of usageTypes) {
    const { quantity, billed, unbilled, forgiven } = await amountsOf(
      reader,
      known,
      { from: start, to: end },
      usage_type,
    )
    const { rate_cents, per_units } = current.rates[usage_type]
    usage.push({
      usage_type,
      quantity: exactly(quantity),
      unit_rate_cents: rate_cents,
      per_units,
      amount_cents: exactly(billed + unbilled + forgiven),
      billed: { amount_cents: exactly(billed) },
      unbilled: { amount_cents: exactly(unbilled) },
      forgiven: { amount_cents: exactly(forgiven) },
    })
  }
  const total = (of: (line: UsageLine) => number) =>
    exactly(usage.reduce((sum, line) => sum + BigInt(of(line)), 0n))
  return {
    tenant_id: tenantId,
    period_start: start,
    period_end: end,
    currency: current.currency,
    usage,
    totals: {
      amount_cents: total((line) => line.amount_cents),
      billed_amount_cents: total(({ billed }) => billed.amount_cents),
      unbilled_amount_cents: total(({ unbilled }) => unbilled.amount_cents),
      forgiven_amount_cents: total(({ forgiven }) => forgiven.amount_cents),
    },
  }
}

/** JSON's numbers lose their last digits from 2^53 up: a sum that nobody can mean is refused, and not told wrongly. */
function exactly(value: bigint): number {
  const number = Number(value)
  if (Number.isSafeInteger(number)) return number
  throw new AppError(
    'conflict',
    'The usage of this tenant adds up to more than can be stated exactly: void the records that are wrong',
  )
}
