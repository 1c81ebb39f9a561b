import { z } from 'zod'
import type { SelectedDiscount } from '../../machines/onboarding-facts.ts'
import { cents } from '../db/fields.ts'
import { keysOf } from '../db/keys-of.ts'
import { usageTypes } from '../log/facts.ts'
import { discountCents } from './discount-cents.ts'
import type { RateCard } from './price.ts'

/** A price that is subscribed to, and what lowers it. */
export type Order = {
  amount_cents: number
  currency: string
  billing_interval: string
  interval_count: number
  discount: SelectedDiscount | null
}

/** All that a subscription to a price will be charged. No dates: it says the same for as long as it is true. */
export const Due = z
  .object({
    currency: z.string(),
    billing_interval: z.string(),
    interval_count: z.int(),
    trial_days: z.int(),
    today_cents: cents.meta({ description: 'When the subscription starts; 0 where a trial comes first' }),
    invoices: z
      .array(
        z.object({
          count: z.int().nullable(),
          plan_cents: cents,
          platform_base_cents: cents,
          total_cents: cents,
        }),
      )
      .meta({
        description:
          'Runs of `count` invoices in a row, before usage; null: all that follow. The first one is due today or at ' +
          "the trial's end, then one each period",
      }),
    monthly_base_cents: cents.meta({
      description:
        'The platform base of each month that begins without one of these invoices, on an invoice of its own with the ' +
        "month's usage; 0 where each month has one",
    }),
    /** Of what is used, month by month: with the plan where an invoice of it comes then, else with the platform base. */
    usage_rates: z.array(z.object({ usage_type: z.enum(usageTypes), rate_cents: cents, per_units: z.int() })),
  })
  .meta({ id: 'Due' })
export type Due = z.infer<typeof Due>
type InvoiceRun = Due['invoices'][number]

/**
 * What will be charged for an order that is started at `startsAt`, by today's rules: the plan in advance, from the
 * start or from the trial's end, and the platform base of a month in advance with it; of the months in which no invoice of the
 * plan comes, and of weeks and days after the first, the base comes on invoices of their own. Neither usage nor base is
 * charged where the price is in another currency than the rate card's. A discount lowers the plan alone.
 */
export function dueOf(
  order: Order,
  by: { card: Pick<RateCard, 'rates' | 'currency'>; trialDays: number; startsAt: Date },
): Due {
  const { currency, billing_interval, interval_count, discount, amount_cents } = order
  const { card, trialDays, startsAt } = by
  const { platform_base, ...usage } = card.rates
  const isPriced = card.currency === currency
  const baseCents = isPriced ? platform_base.rate_cents : 0
  const lowered = amount_cents - (discount === null ? 0 : discountCents(discount, amount_cents))
  const beginsMonths = billing_interval === 'month' || billing_interval === 'year'
  const isMonthly = billing_interval === 'month' && interval_count === 1
  const discounted = discountedInvoices(order, trialDays, startsAt)

  const invoice = (index: number) => {
    const plan_cents = index < discounted ? lowered : amount_cents
    const platform_base_cents = index === 0 || beginsMonths ? baseCents : 0
    return { plan_cents, platform_base_cents, total_cents: plan_cents + platform_base_cents }
  }
  // Where an invoice differs from the one before: only after the first, and after the last that is discounted.
  const starts = [...new Set([0, 1, discounted])].filter(Number.isFinite).sort((a, b) => a - b)
  const runs: InvoiceRun[] = []
  for (const [place, start] of starts.entries()) {
    const next = starts[place + 1]
    const count = next === undefined ? null : next - start
    const last = runs.at(-1)
    const run = { count, ...invoice(start) }
    if (last !== undefined && isSame(last, run))
      last.count = count === null ? null : (last.count ?? 0) + count
    else runs.push(run)
  }
  return {
    currency,
    billing_interval,
    interval_count,
    trial_days: trialDays,
    today_cents: trialDays > 0 ? 0 : invoice(0).total_cents,
    invoices: runs,
    monthly_base_cents: isMonthly ? 0 : baseCents,
    usage_rates: isPriced ? keysOf(usage).map((usage_type) => ({ usage_type, ...usage[usage_type] })) : [],
  }
}

/** How many invoices the discount lowers, from the first on. One of some months counts from the start, trial and all. */
function discountedInvoices({ discount, ...order }: Order, trialDays: number, startsAt: Date): number {
  if (discount === null) return 0
  if (discount.duration === 'once') return 1
  if (discount.duration === 'forever') return Number.POSITIVE_INFINITY
  const endsAt = later(startsAt, 'month', discount.duration_in_months ?? 0)
  const first = later(startsAt, 'day', trialDays)
  let count = 0
  while (later(first, order.billing_interval, count * order.interval_count) < endsAt) count += 1
  return count
}

/** Whether a discount of some months ends before a trial does: then it lowers no invoice. */
export const endsInTrial = (
  { duration, duration_in_months }: Pick<SelectedDiscount, 'duration' | 'duration_in_months'>,
  trialDays: number,
  startsAt: Date,
) =>
  duration === 'repeating' &&
  later(startsAt, 'month', duration_in_months ?? 0) <= later(startsAt, 'day', trialDays)

/** As Stripe counts: the same day of a later month, or its last day where it has no such day. */
function later(from: Date, interval: string, count: number): Date {
  const to = new Date(from)
  if (interval === 'day' || interval === 'week') {
    to.setUTCDate(to.getUTCDate() + count * (interval === 'week' ? 7 : 1))
    return to
  }
  const months = interval === 'year' ? count * 12 : count
  to.setUTCMonth(to.getUTCMonth() + months, 1)
  const lastDay = new Date(Date.UTC(to.getUTCFullYear(), to.getUTCMonth() + 1, 0)).getUTCDate()
  to.setUTCDate(Math.min(from.getUTCDate(), lastDay))
  return to
}

const isSame = (a: InvoiceRun, b: InvoiceRun) =>
  a.plan_cents === b.plan_cents && a.platform_base_cents === b.platform_base_cents
