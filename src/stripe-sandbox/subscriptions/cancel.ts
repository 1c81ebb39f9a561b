import type Stripe from 'stripe'
import { endDiscounts } from '../catalogue/discount.ts'
import { idOf } from '../objects/ids.ts'
import type { Turn } from '../objects/turn.ts'
import { bill, hasPending } from './billing.ts'
import { saveSubscription } from './subscription-status.ts'

type Ending = {
  reason?: Stripe.Subscription.CancellationDetails.Reason
  comment?: string | null | undefined
  feedback?: Stripe.Subscription.CancellationDetails.Feedback | null | undefined
  /** A last invoice of what is pending; without it, that stays pending. */
  lastInvoice?: 'now' | 'in_an_hour' | undefined
}

/** Ends a subscription now. Its other invoices stay as they are, but nobody tries to collect them by itself. */
export function cancelSubscription(
  turn: Turn,
  subscription: Stripe.Subscription,
  { reason = 'cancellation_requested', comment, feedback, lastInvoice }: Ending = {},
): Stripe.Subscription {
  const asked = subscription.cancellation_details
  const bills = lastInvoice !== undefined && hasPending(turn, subscription)
  const before = bills ? billPending(turn, subscription, lastInvoice) : subscription
  stopCollecting(turn, subscription, lastInvoice === 'in_an_hour' && bills ? before.latest_invoice : null)
  const canceled = saveSubscription(turn, {
    ...before,
    status: 'canceled',
    cancel_at: null,
    cancel_at_period_end: false,
    canceled_at: before.canceled_at ?? turn.now,
    ended_at: turn.now,
    cancellation_details: {
      comment: comment ?? asked?.comment ?? null,
      feedback: feedback ?? asked?.feedback ?? null,
      feedback_option: null,
      reason,
    },
  })
  endDiscounts(
    turn,
    canceled.discounts.map((each) => idOf(each)),
  )
  turn.emit('customer.subscription.deleted', canceled)
  return canceled
}

function billPending(
  turn: Turn,
  subscription: Stripe.Subscription,
  when: 'now' | 'in_an_hour',
): Stripe.Subscription {
  return bill(turn, subscription, subscription, {
    reason: when === 'now' ? 'subscription_update' : 'subscription_cycle',
    begun: [],
    collects: when === 'now' ? 'allow_incomplete' : 'in_an_hour',
  })
}

function stopCollecting(
  turn: Turn,
  subscription: Stripe.Subscription,
  except: Stripe.Subscription['latest_invoice'],
): void {
  for (const status of ['open', 'draft'])
    for (const invoice of invoicesOf(turn, subscription, status))
      if (invoice.id !== idOf(except))
        turn.store.save({ ...invoice, auto_advance: false, next_payment_attempt: null })
}

export function invoicesOf(
  turn: Turn,
  { id, customer }: Stripe.Subscription,
  status: string,
): Stripe.Invoice[] {
  return turn.store.all('invoice', {
    customer: idOf(customer),
    'parent.subscription_details.subscription': id,
    status,
  })
}
