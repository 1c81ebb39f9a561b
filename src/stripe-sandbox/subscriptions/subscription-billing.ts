import type Stripe from 'stripe'
import { draftInvoice, linesOf, pendingItems } from '../invoices/invoice-draft.ts'
import { type Line, subscriptionLine } from '../invoices/invoice-line.ts'
import { collect, finalizeInvoice, methodFor } from '../invoices/invoicing.ts'
import { StripeFailure } from '../objects/errors.ts'
import { idOf } from '../objects/ids.ts'
import { mustFind, type Turn } from '../objects/turn.ts'
import { paymentFailure } from '../payments/payment.ts'
import { unpaidSubscription } from './subscription-status.ts'

export type PaymentBehavior = 'allow_incomplete' | 'default_incomplete' | 'error_if_incomplete'

/** The lines of one period of every item. `share` is the part of a whole period that is billed. */
export function periodLines(
  turn: Turn,
  subscription: Stripe.Subscription,
  how: { trial?: boolean; amountOf?: (item: Stripe.SubscriptionItem) => number } = {},
): Line[] {
  return subscription.items.data.map((item) =>
    subscriptionLine(turn, subscription, item, {
      period: { start: item.current_period_start, end: item.current_period_end },
      ...(how.trial && { trial: true }),
      ...(how.amountOf && { amount: how.amountOf(item) }),
    }),
  )
}

/** A draft of a subscription: its own lines and what is pending; not yet the subscription's latest invoice. */
export function draftForSubscription(
  turn: Turn,
  subscription: Stripe.Subscription,
  reason: 'subscription_create' | 'subscription_cycle' | 'subscription_update',
  lines: Line[],
): Stripe.Invoice {
  const customer = mustFind(turn, 'customer', idOf(subscription.customer))
  const pending = linesOf(turn, pendingItems(turn, customer.id, subscription.id))
  const discounts = subscription.discounts.flatMap((each) => {
    const discount = turn.store.find('discount', idOf(each))
    return discount && (discount.end === null || discount.end > turn.now) ? [discount] : []
  })
  return draftInvoice(turn, {
    customer,
    currency: subscription.currency,
    reason,
    lines: [...pending, ...lines],
    discounts,
    period: { start: turn.now, end: turn.now },
    subscription,
    collectionMethod:
      subscription.collection_method === 'send_invoice' ? 'send_invoice' : 'charge_automatically',
    daysUntilDue: subscription.days_until_due ?? undefined,
    autoAdvance: true,
  })
}

/**
 * Finalizes a subscription's draft and tries to collect it as `behavior` says. @throws StripeFailure 402 for `error_if_incomplete`, which undoes everything
 */
export function billSubscription(
  turn: Turn,
  draft: Stripe.Invoice,
  behavior: PaymentBehavior,
): Stripe.Invoice {
  const final = finalizeInvoice(turn, draft)
  if (final.status === 'paid' || final.collection_method === 'send_invoice') return final
  const method = methodFor(turn, final)
  if (behavior === 'default_incomplete' || !method) {
    unpaidSubscription(turn, final.id)
    return final
  }
  const { invoice, intent } = collect(turn, final, method)
  if (invoice.status !== 'paid' && behavior === 'error_if_incomplete') {
    const { status, body } = intent.last_payment_error ? paymentFailure(intent) : needsAction()
    throw new StripeFailure(status, body)
  }
  return invoice
}

const needsAction = () =>
  new StripeFailure(402, {
    type: 'card_error',
    code: 'subscription_payment_intent_requires_action',
    message:
      'Payment for this subscription requires additional user action before it can be completed successfully.',
  })
