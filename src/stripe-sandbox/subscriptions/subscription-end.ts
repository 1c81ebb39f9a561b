import type Stripe from 'stripe'
import { endDiscounts } from '../catalogue/discount.ts'
import { voidInvoice } from '../invoices/invoicing.ts'
import { idOf } from '../objects/ids.ts'
import type { Turn } from '../objects/turn.ts'

type Details = {
  comment?: string | null | undefined
  feedback?: Stripe.Subscription.CancellationDetails.Feedback | null | undefined
}

/** Ends a subscription now. Its open invoices stay open, but nobody tries to collect them by itself. */
export function cancelSubscription(
  turn: Turn,
  subscription: Stripe.Subscription,
  details: Details = {},
): Stripe.Subscription {
  const canceled = turn.store.save({
    ...subscription,
    status: 'canceled' as const,
    cancel_at: null,
    cancel_at_period_end: false,
    canceled_at: subscription.canceled_at ?? turn.now,
    ended_at: turn.now,
    cancellation_details: {
      comment: details.comment ?? null,
      feedback: details.feedback ?? null,
      feedback_option: null,
      reason: 'cancellation_requested' as const,
    },
  })
  for (const invoice of turn.store.all('invoice', openOf(subscription))) {
    turn.store.save({ ...invoice, auto_advance: false })
  }
  endDiscounts(
    turn,
    subscription.discounts.map((each) => idOf(each)),
  )
  turn.emit('customer.subscription.deleted', canceled)
  return canceled
}

/** 23 hours without a first payment: the subscription never was, and its invoice is void. */
export function expireIncomplete(turn: Turn, id: string): void {
  const subscription = turn.store.find('subscription', id)
  if (subscription?.status !== 'incomplete') return
  for (const invoice of turn.store.all('invoice', openOf(subscription))) voidInvoice(turn, invoice)
  const expired = turn.store.save({
    ...subscription,
    status: 'incomplete_expired' as const,
    ended_at: turn.now,
  })
  turn.emit('customer.subscription.updated', expired, subscription)
}

export function expiryOf(subscription: Stripe.Subscription): number {
  return subscription.created + 23 * 60 * 60
}

const openOf = (subscription: Stripe.Subscription) => ({
  customer: idOf(subscription.customer),
  'parent.subscription_details.subscription': subscription.id,
  status: 'open',
})
