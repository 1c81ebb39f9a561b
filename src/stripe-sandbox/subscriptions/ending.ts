import type Stripe from 'stripe'
import { nextBoundary, periodEnd } from './periods.ts'

type Asked = {
  cancel_at?: number | 'max_period_end' | 'min_period_end' | null | undefined
  cancel_at_period_end?: boolean | undefined
}

/**
 * The subscription with the end that is asked for, or with its own moved along with its periods. An end within a period
 * cuts it short, where it `prorates`; taken back, the rest of it is billed from there on.
 */
export function endAsAsked(
  subscription: Stripe.Subscription,
  { cancel_at: asked, cancel_at_period_end: askedAtEnd }: Asked,
  { now, prorates }: { now: number; prorates: boolean },
): Stripe.Subscription {
  const atEnd = askedAtEnd ?? (asked === undefined && subscription.cancel_at_period_end)
  const kept = askedAtEnd === undefined ? subscription.cancel_at : null
  const cancelAt = atEnd ? periodEnd(subscription) : asked === undefined ? kept : timeOf(subscription, asked)
  const cut = (item: Stripe.SubscriptionItem) =>
    prorates && asked !== undefined && cancelAt !== null && cancelAt > item.current_period_start
      ? { ...item, current_period_end: Math.min(item.current_period_end, cancelAt) }
      : item
  return {
    ...subscription,
    cancel_at: cancelAt,
    cancel_at_period_end: atEnd,
    canceled_at: cancelAt === null ? null : (subscription.canceled_at ?? now),
    cancellation_details: {
      ...(subscription.cancellation_details ?? { comment: null, feedback: null, feedback_option: null }),
      reason: cancelAt === null ? null : 'cancellation_requested',
    },
    items: { ...subscription.items, data: subscription.items.data.map(cut) },
  }
}

function timeOf(subscription: Stripe.Subscription, asked: NonNullable<Asked['cancel_at']> | null) {
  if (asked === 'min_period_end') return nextBoundary(subscription)
  return asked === 'max_period_end' ? periodEnd(subscription) : asked
}
