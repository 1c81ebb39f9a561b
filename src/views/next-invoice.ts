import type { Reader } from '../db/tables.ts'
import { discountCents } from '../pricing/discount-cents.ts'
import { owedBaseCents } from '../pricing/owed-base.ts'
import { cardAt, exactSum } from '../pricing/price.ts'
import { readRateCards } from '../pricing/rate-cards.ts'
import { ppmOf } from '../projections/read-value.ts'
import { discountsIn, type SubscriptionDiscount } from '../projections/subscription-discounts.ts'
import { isLive, type SubscriptionRow } from './subscriptions.ts'
import { unbilledUsage } from './usage-summary.ts'

/**
 * What the subscription's next invoice over a period is as things stand: the plan's price after discount, the platform
 * base with what is owed of it, and the usage that is on no invoice. What is on an open or draft invoice is not on the
 * next one. In a trial, the first one that is paid. Null where there will be none: without a live subscription, or when it ends with its period; usage that is left then is in the usage summary.
 */
export async function nextInvoiceAmountCents(
  reader: Reader,
  subscription: SubscriptionRow | undefined,
  now: Date,
): Promise<number | null> {
  if (subscription === undefined || !isLive(subscription) || isEnding(subscription)) return null
  const { rates } = cardAt(await readRateCards(reader), now.toISOString())
  const { amountCents: usageCents } = await unbilledUsage(reader, subscription.tenant_id)
  const owedCents = await owedBaseCents(reader, subscription.tenant_id)
  return exactSum([planCents(subscription), rates.platform_base.rate_cents, owedCents, usageCents])
}

/** It ends with its period: no invoice follows. */
const isEnding = ({ cancel_at_period_end, cancel_at, current_period_end }: SubscriptionRow) =>
  cancel_at_period_end === 1 ||
  (cancel_at !== null && current_period_end !== null && cancel_at <= current_period_end)

/** Stripe takes a used up discount off the subscription; one that ends before the next invoice lowers it no more. */
function planCents({ amount_cents, discounts, current_period_end }: SubscriptionRow): number {
  const inForce = discountsIn(discounts).filter(
    ({ ends_at }) => ends_at === null || current_period_end === null || ends_at > current_period_end,
  )
  return inForce.reduce((left, discount) => left - discountCents(termsOf(discount), left), amount_cents ?? 0)
}

const termsOf = ({ percent_off, amount_off_cents }: SubscriptionDiscount) => ({
  percent_off_ppm: ppmOf(percent_off),
  amount_off_cents,
})
