import type Stripe from 'stripe'
import { intentOf, subscriptionOf } from '../invoices/payer.ts'
import { idOf } from '../objects/ids.ts'
import { change, mustFind, type Turn } from '../objects/turn.ts'
import { awaitNextMoment } from './moments.ts'

/** Saves a subscription and its items, which are also found by themselves, and what happens to it next by itself. */
export function saveSubscription(turn: Turn, subscription: Stripe.Subscription): Stripe.Subscription {
  for (const item of subscription.items.data) turn.store.save(item)
  awaitNextMoment(turn, subscription)
  return turn.store.save(subscription)
}

/** Saves a subscription that has changed, and tells of it. */
export function changeSubscription(
  turn: Turn,
  before: Stripe.Subscription,
  after: Stripe.Subscription,
): Stripe.Subscription {
  saveSubscription(turn, after)
  return change(turn, 'customer.subscription.updated', before, after)
}

/** A paid invoice starts what was incomplete, mends what was past due, and resumes what was paused. */
export function paidSubscription(turn: Turn, invoiceId: string): void {
  const invoice = mustFind(turn, 'invoice', invoiceId)
  const subscription = subscriptionOf(turn, invoice)
  if (!subscription) return
  const saves = subscription.payment_settings?.save_default_payment_method === 'on_subscription'
  const method =
    (saves && idOf(intentOf(turn, invoice)?.payment_method)) || subscription.default_payment_method
  settled(turn, invoice, { ...subscription, default_payment_method: method }, subscription)
}

/** An active subscription whose latest invoice was not paid is past due. */
export function fallBehind(turn: Turn, invoice: Stripe.Invoice): Stripe.Subscription | undefined {
  const subscription = subscriptionOf(turn, invoice)
  const latest = idOf(subscription?.latest_invoice) === invoice.id
  if (subscription?.status !== 'active' || !latest) return subscription
  return changeSubscription(turn, subscription, { ...subscription, status: 'past_due' })
}

/** An invoice that was voided or written off is owed no more; without its first one a subscription never was. */
export function dismissedSubscription(turn: Turn, invoiceId: string): void {
  const invoice = mustFind(turn, 'invoice', invoiceId)
  const subscription = subscriptionOf(turn, invoice)
  if (!subscription) return
  if (subscription.status === 'incomplete') expireSubscription(turn, subscription)
  else if (subscription.status !== 'paused' || invoice.status === 'uncollectible')
    settled(turn, invoice, subscription, subscription)
}

export function expireSubscription(turn: Turn, subscription: Stripe.Subscription): void {
  const expired = { ...subscription, status: 'incomplete_expired' as const, ended_at: turn.now }
  changeSubscription(turn, subscription, expired)
}

function settled(
  turn: Turn,
  invoice: Stripe.Invoice,
  subscription: Stripe.Subscription,
  before: Stripe.Subscription,
): void {
  const starts = ['incomplete', 'past_due', 'unpaid', 'paused'].includes(before.status)
  const latest = idOf(before.latest_invoice) === invoice.id
  const status = starts && latest ? 'active' : before.status
  const after = changeSubscription(turn, before, { ...subscription, status })
  if (before.status === 'paused' && status === 'active') turn.emit('customer.subscription.resumed', after)
}
