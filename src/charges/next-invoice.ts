import type { Reader } from '../db/tables.ts'
import { discountCents } from '../pricing/discount-cents.ts'
import { cardAt, pricedCents } from '../pricing/price.ts'
import { ppmOf } from '../projections/read-value.ts'
import { discountsIn } from '../projections/subscription-discounts.ts'
import { duesOf } from './dues.ts'
import { type Known, knownOf, type Subscription, type Window } from './known.ts'
import { type Due, differencesOf, largestCents } from './lines.ts'
import { dayMs } from './months.ts'
import {
  cancelsAt,
  isCollectionPaused,
  isOver,
  linesWait,
  openWindow,
  subscriptionOf,
} from './subscription.ts'

/**
 * The cents of the invoice that the next window end will make, as things stand: the plan after discount where a renewal falls on it, with
 * what waits at Stripe; the base where the subscription goes on; and due less charged of all its windows. Before balance and
 * tax. Null where none will come. Reads the tables alone.
 */
export const nextInvoiceCents = async (reader: Reader, tenantId: string) =>
  nextInvoiceOf(reader, await knownOf(reader, tenantId))

/** As `nextInvoiceCents`, of what is known or supposed. */
export async function nextInvoiceOf(reader: Reader, known: Known): Promise<number | null> {
  const open = openWindow(known)
  const dues = await duesOf(reader, known)
  if (open === undefined) return lastInvoiceCents(known, dues)
  const subscription = subscriptionOf(known, open)
  const end = cancelsAt(subscription)
  const goesOn = end === null || end > open.ends_at
  if (linesWait(subscription) || (open.is_trial === 1 && !goesOn)) return null
  const isPaused = isCollectionPaused(subscription)
  const renews = goesOn && !isPaused && renewsAt(subscription, open.ends_at)
  const cents = differences(dues, known, subscription)
  if (goesOn && !isPaused) cents.push(nextBaseCents(known, open))
  if (!renews && !cents.some((more) => more > 0n)) return null
  const ours = cents.reduce((sum, more) => sum + more, 0n)
  const plan = renews ? planCents(subscription, open.ends_at) + (await pendingCents(reader, subscription)) : 0
  return plan + (ours > 0n ? Number(ours) : 0)
}

/** What still waits for an invoice of the subscription that ended last. */
function lastInvoiceCents(known: Known, dues: readonly Due[]): number | null {
  const ended = known.subscriptions.findLast(
    (subscription) =>
      isOver(subscription) &&
      known.windows.some(({ subscription_id }) => subscription_id === subscription.subscription_id),
  )
  if (ended === undefined) return null
  const cents = differences(dues, known, ended)
  if (!cents.some((more) => more > 0n)) return null
  const ours = cents.reduce((sum, more) => sum + more, 0n)
  return ours > 0n ? Number(ours) : 0
}

const differences = (dues: readonly Due[], { lines }: Known, { subscription_id }: Subscription) =>
  differencesOf(
    dues.filter(({ window }) => window.subscription_id === subscription_id),
    lines,
  ).map(({ cents }) => cents)

function nextBaseCents({ cards }: Known, { ends_at, currency }: Window): bigint {
  const card = cardAt(cards, ends_at)
  const cents = pricedCents([{ quantity: 1n, rate: card.rates.platform_base }], currency)
  return card.currency === currency && cents <= largestCents ? cents : 0n
}

/** Weeks are counted on from the period's end; of longer periods only the one under way can end with a window. */
function renewsAt(
  { current_period_end, billing_interval, billing_interval_count }: Subscription,
  end: string,
) {
  if (current_period_end === null) return false
  if (billing_interval !== 'week' && billing_interval !== 'day') return end === current_period_end
  const period = (billing_interval === 'week' ? 7 : 1) * (billing_interval_count ?? 1) * dayMs
  const apart = Date.parse(end) - Date.parse(current_period_end)
  return apart >= 0 && apart % period === 0
}

/** Stripe takes a used up discount off the subscription; one that ends before the next invoice lowers it no more. */
function planCents({ amount_cents, discounts }: Subscription, at: string): number {
  const inForce = discountsIn(discounts).filter(({ ends_at }) => ends_at === null || ends_at > at)
  return inForce.reduce(
    (left, { percent_off, amount_off_cents }) =>
      left - discountCents({ percent_off_ppm: ppmOf(percent_off), amount_off_cents }, left),
    amount_cents ?? 0,
  )
}

/** Prorations of a change and the like, as far as Stripe has shown them. */
async function pendingCents(reader: Reader, { subscription_id }: Subscription): Promise<number> {
  const items = await reader
    .selectFrom('billing_invoice_items')
    .select('amount_cents')
    .where('subscription_id', '=', subscription_id)
    .where('invoice_id', 'is', null)
    .where('is_deleted', '=', 0)
    .execute()
  return items.reduce((sum, { amount_cents }) => sum + amount_cents, 0)
}
