import type Stripe from 'stripe'
import { priceAmount, roundHalfUp } from '../catalogue/price.ts'
import { addInterval } from '../objects/periods.ts'

export type Period = { start: number; end: number }
type Recurrence = { interval: Stripe.Price.Recurring.Interval; interval_count: number }

const longestDays: Record<string, number> = { day: 1, week: 7, month: 31, year: 366 }

/**
 * The period around a time, from one boundary to the next. All boundaries lie whole intervals from the anchor, so that
 * one of 31 January renews on 28 February and on 31 March.
 */
export function wholePeriod(anchor: number, recurrence: Recurrence, time: number): Period {
  const { interval, interval_count: each } = recurrence
  const boundary = (count: number) => addInterval(anchor, { interval, interval_count: count * each })
  const longest = (longestDays[interval] ?? 1) * each * 24 * 60 * 60
  let count = Math.floor((time - anchor) / longest)
  while (boundary(count + 1) <= time) count++
  while (boundary(count) > time) count--
  return { start: boundary(count), end: boundary(count + 1) }
}

/** The item with the period that begins at a time: to the next boundary, the trial's end, or the end of all. */
export function startItem(
  subscription: Stripe.Subscription,
  item: Stripe.SubscriptionItem,
  start: number,
): Stripe.SubscriptionItem {
  const { cancel_at: cancelAt, trial_end: trialEnd, status } = subscription
  const { end } = wholePeriod(subscription.billing_cycle_anchor, recurrenceOf(item), start)
  const whole = status === 'trialing' && trialEnd !== null ? trialEnd : end
  const last = cancelAt !== null && cancelAt > start && cancelAt < whole ? cancelAt : whole
  return { ...item, current_period_start: start, current_period_end: last }
}

/** The subscription with all of its items' periods beginning at a time. */
export function startPeriods(subscription: Stripe.Subscription, start: number): Stripe.Subscription {
  const data = subscription.items.data.map((item) => startItem(subscription, item, start))
  return { ...subscription, items: { ...subscription.items, data } }
}

/** What a part of the item's period around `period.start` costs of `amount`, the whole one's price. */
export function shareOf(
  subscription: Stripe.Subscription,
  item: Stripe.SubscriptionItem,
  period: Period,
  amount = priceAmount(item.price, item.quantity ?? 1),
): number {
  const whole = wholePeriod(subscription.billing_cycle_anchor, recurrenceOf(item), period.start)
  return roundHalfUp((amount * (period.end - period.start)) / (whole.end - whole.start))
}

/** When the last item's period ends. */
export function periodEnd(subscription: Stripe.Subscription): number {
  return Math.max(...subscription.items.data.map((item) => item.current_period_end))
}

/** When the first item's period ends. */
export function nextBoundary(subscription: Stripe.Subscription): number {
  return Math.min(...subscription.items.data.map((item) => item.current_period_end))
}

export function recurrenceOf({ price }: Stripe.SubscriptionItem): Recurrence {
  return price.recurring ?? { interval: 'month', interval_count: 1 }
}
