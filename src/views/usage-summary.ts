import { z } from 'zod'
import { cents, timeOut } from '../db/fields.ts'
import type { Reader } from '../db/tables.ts'
import { type UsageType, usageTypes } from '../log/facts.ts'
import { cardAt, exactSum, type Metered, PricedLine, priceLine, type RateCard } from '../pricing/price.ts'
import { readRateCards } from '../pricing/rate-cards.ts'

/** The rate is the one in force at the end of the period, or now if that is earlier. Older usage keeps its own. */
const UsageLine = PricedLine.extend({
  usage_type: z.enum(usageTypes),
  unit_rate_cents: cents,
  per_units: z.int(),
  billed: PricedLine,
  unbilled: PricedLine,
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
    totals: z.object({ amount_cents: cents, billed_amount_cents: cents, unbilled_amount_cents: cents }),
  })
  .meta({ id: 'UsageSummary' })
export type UsageSummary = z.infer<typeof UsageSummary>

/** A type's line, where each type has one. */
export const TypeLine = z.object({ usage_type: z.enum(usageTypes), ...PricedLine.shape })
export type TypeLine = z.infer<typeof TypeLine>

/**
 * Usage that occurred in the half-open period. Each invoice that has it, and what is on none, is a line of its own.
 * Billed is what is on paid invoices.
 */
export async function usageSummary(
  reader: Reader,
  { tenantId, start, end, now }: { tenantId: string; start: string; end: string; now: Date },
): Promise<UsageSummary> {
  const cards = await readRateCards(reader)
  const rows = await liveRecords(reader, tenantId)
    .where('occurred_at', '>=', start)
    .where('occurred_at', '<', end)
    .execute()
  const time = now.toISOString()
  const current = cardAt(cards, end < time ? end : time)
  const byType = Map.groupBy(rows, (row) => row.usage_type)
  const usage = usageTypes.map((usageType) => lineOf(usageType, byType.get(usageType) ?? [], cards, current))
  return {
    tenant_id: tenantId,
    period_start: start,
    period_end: end,
    currency: current.currency,
    usage,
    totals: {
      amount_cents: exactSum(usage.map((line) => line.amount_cents)),
      billed_amount_cents: exactSum(usage.map((line) => line.billed.amount_cents)),
      unbilled_amount_cents: exactSum(usage.map((line) => line.unbilled.amount_cents)),
    },
  }
}

/** Everything that is on no invoice yet, whenever it occurred: a line per type that was used. */
export async function unbilledUsage(
  reader: Reader,
  tenantId: string,
): Promise<{ lines: TypeLine[]; amountCents: number }> {
  const rows = await liveRecords(reader, tenantId).where('invoice_id', 'is', null).execute()
  if (rows.length === 0) return { lines: [], amountCents: 0 }
  const cards = await readRateCards(reader)
  const lines = [...Map.groupBy(rows, (row) => row.usage_type)].map(([usage_type, ofType]) => ({
    usage_type,
    ...priceLine(ofType, cards),
  }))
  return { lines, amountCents: exactSum(lines.map((line) => line.amount_cents)) }
}

function liveRecords(reader: Reader, tenantId: string) {
  return reader
    .selectFrom('billing_usage_records')
    .select(['usage_type', 'action', 'quantity', 'occurred_at', 'position', 'invoice_id', 'billed_at'])
    .$narrowType<{ usage_type: UsageType }>()
    .where('tenant_id', '=', tenantId)
    .where('voided_at', 'is', null)
}

function lineOf(
  usageType: UsageType,
  records: readonly (Metered & { invoice_id: string | null; billed_at: string | null })[],
  cards: readonly RateCard[],
  current: RateCard,
): UsageLine {
  const { billed = [], unbilled = [] } = Object.groupBy(records, ({ billed_at }) =>
    billed_at === null ? 'unbilled' : 'billed',
  )
  const ofBilled = priceByInvoice(billed, cards)
  const ofUnbilled = priceByInvoice(unbilled, cards)
  const { rate_cents, per_units } = current.rates[usageType]
  return {
    usage_type: usageType,
    quantity: exactSum([ofBilled.quantity, ofUnbilled.quantity]),
    unit_rate_cents: rate_cents,
    per_units,
    amount_cents: exactSum([ofBilled.amount_cents, ofUnbilled.amount_cents]),
    billed: ofBilled,
    unbilled: ofUnbilled,
  }
}

function priceByInvoice(
  records: readonly (Metered & { invoice_id: string | null })[],
  cards: readonly RateCard[],
): PricedLine {
  const lines = [...Map.groupBy(records, ({ invoice_id }) => invoice_id).values()]
  const priced = lines.map((line) => priceLine(line, cards))
  return {
    quantity: exactSum(priced.map((line) => line.quantity)),
    amount_cents: exactSum(priced.map((line) => line.amount_cents)),
  }
}
