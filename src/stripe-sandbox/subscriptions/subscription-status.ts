import type Stripe from 'stripe'
import { intentOf, subscriptionOf } from '../invoices/invoicing.ts'
import { idOf } from '../objects/ids.ts'
import { change, mustFind, type Turn } from '../objects/turn.ts'

/** Saves a subscription and its items, which are also found by themselves. */
export function saveSubscription(turn: Turn, subscription: Stripe.Subscription): Stripe.Subscription {
  for (const item of subscription.items.data) turn.store.save(item)
  return turn.store.save(subscription)
}

/** A paid invoice starts what was incomplete, and mends what was past due. */
export function paidSubscription(turn: Turn, invoiceId: string): void {
  const invoice = mustFind(turn, 'invoice', invoiceId)
  const subscription = subscriptionOf(turn, invoice)
  if (!subscription) return
  const saves = subscription.payment_settings?.save_default_payment_method === 'on_subscription'
  const intent = turn.store.find('payment_intent', intentOf(turn, invoice) ?? '')
  const method = (saves && idOf(intent?.payment_method)) || subscription.default_payment_method
  const latest = idOf(subscription.latest_invoice) === invoice.id
  const first = subscription.status === 'incomplete' && invoice.billing_reason === 'subscription_create'
  const mended = ['past_due', 'unpaid'].includes(subscription.status) && latest
  change(turn, 'customer.subscription.updated', subscription, {
    ...subscription,
    default_payment_method: method,
    status: first || mended ? 'active' : subscription.status,
  })
}

/** A first invoice that fails leaves its subscription incomplete; a later one makes it past due. */
export function unpaidSubscription(turn: Turn, invoiceId: string): void {
  const invoice = mustFind(turn, 'invoice', invoiceId)
  const subscription = subscriptionOf(turn, invoice)
  if (subscription?.status !== 'active' || invoice.billing_reason === 'subscription_create') return
  change(turn, 'customer.subscription.updated', subscription, { ...subscription, status: 'past_due' })
}
