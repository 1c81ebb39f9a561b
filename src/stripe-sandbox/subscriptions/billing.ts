import type Stripe from 'stripe'
import { couponOf, endDiscounts } from '../catalogue/discount.ts'
import { autoAdvanced, collect, draftSeconds, finalizeOrTell, sendInvoice } from '../invoices/collection.ts'
import { makeDraft, pendingItems } from '../invoices/invoice-draft.ts'
import { itemLine, type Line, subscriptionLine } from '../invoices/invoice-line.ts'
import { finalizeInvoice, voidInvoice, writeOff } from '../invoices/invoicing.ts'
import { methodFor } from '../invoices/payer.ts'
import { StripeFailure } from '../objects/errors.ts'
import { idOf } from '../objects/ids.ts'
import { addDays } from '../objects/periods.ts'
import { mustFind, type Turn } from '../objects/turn.ts'
import { intentFailure } from '../payments/intent.ts'
import { shareOf } from './periods.ts'
import { changeSubscription, fallBehind, saveSubscription } from './subscription-status.ts'

export type PaymentBehavior = 'allow_incomplete' | 'default_incomplete' | 'error_if_incomplete'
type Billing = {
  reason: 'subscription_create' | 'subscription_cycle' | 'subscription_update'
  /** The items whose period has just begun. */
  begun: Stripe.SubscriptionItem[]
  collects: PaymentBehavior | 'in_an_hour'
  /** The time before the first boundary is not charged. */
  free?: boolean
}

/**
 * The one way in which periods begin and are billed, at creation, renewal, a trial's end, a new anchor: saves the
 * subscription, tells of it, and makes the invoice of what has begun and of what is pending, which is collected at once or
 * in an hour. @throws StripeFailure 402 for `error_if_incomplete`, which undoes everything
 */
export function bill(
  turn: Turn,
  before: Stripe.Subscription | undefined,
  after: Stripe.Subscription,
  how: Billing,
): Stripe.Subscription {
  const { pause_collection: pause, status } = after
  const draft = draftOf(turn, before, after, how)
  const billed = saveSubscription(turn, { ...after, latest_invoice: draft.id })
  if (before) turn.emit('customer.subscription.updated', billed, before)
  else turn.emit('customer.subscription.created', billed)
  const created = how.collects === 'in_an_hour' ? autoAdvanced(turn, draft) : draft
  turn.emit('invoice.created', created)
  useUpOnceDiscounts(turn, billed, created)
  if (pause) putAside(turn, created, pause.behavior)
  else if (status !== 'unpaid' && how.collects !== 'in_an_hour') collectNow(turn, created, how.collects)
  return mustFind(turn, 'subscription', after.id)
}

/** Whether there is anything that an invoice without a new period would be of. */
export function hasPending(turn: Turn, subscription: Stripe.Subscription): boolean {
  return pendingOf(turn, subscription).length > 0
}

export function liveDiscounts(turn: Turn, subscription: Stripe.Subscription): Stripe.Discount[] {
  return subscription.discounts
    .flatMap((each) => turn.store.find('discount', idOf(each)) ?? [])
    .filter(({ end }) => end === null || end > turn.now)
}

function pendingOf(turn: Turn, { id, customer, currency }: Stripe.Subscription): Stripe.InvoiceItem[] {
  return pendingItems(turn, idOf(customer), id).filter((item) => item.currency === currency)
}

function draftOf(
  turn: Turn,
  before: Stripe.Subscription | undefined,
  subscription: Stripe.Subscription,
  { reason, begun, collects, free }: Billing,
): Stripe.Invoice {
  const sent = subscription.collection_method === 'send_invoice'
  const finalAt = turn.now + (collects === 'in_an_hour' ? draftSeconds : 0)
  const pending = pendingOf(turn, subscription).map((item) => itemLine(turn, item))
  const past = reason === 'subscription_cycle' ? before?.items.data : undefined
  return makeDraft(turn, {
    customer: mustFind(turn, 'customer', idOf(subscription.customer)),
    currency: subscription.currency,
    reason,
    lines: [...pending, ...begun.map((item) => periodLine(turn, subscription, item, free))],
    discounts: liveDiscounts(turn, subscription),
    period: {
      start: Math.min(turn.now, ...(past ?? []).map((item) => item.current_period_start)),
      end: turn.now,
    },
    subscription,
    collectionMethod: sent ? 'send_invoice' : 'charge_automatically',
    dueDate: sent ? addDays(finalAt, subscription.days_until_due ?? 0) : undefined,
    autoAdvance: subscription.pause_collection === null && subscription.status !== 'unpaid',
  })
}

/** The line of the period that has begun: nothing in a trial, a share up to the anchor or the end, else the price. */
function periodLine(
  turn: Turn,
  subscription: Stripe.Subscription,
  item: Stripe.SubscriptionItem,
  free = false,
): Line {
  const period = { start: item.current_period_start, end: item.current_period_end }
  const trial = subscription.status === 'trialing'
  const amount = free || trial ? 0 : shareOf(subscription, item, period)
  return subscriptionLine(turn, subscription, item, { period, amount, trial })
}

/** A `once` coupon leaves its subscription with the first invoice that it takes something off. */
function useUpOnceDiscounts(turn: Turn, subscription: Stripe.Subscription, invoice: Stripe.Invoice): void {
  const used = (invoice.total_discount_amounts ?? []).flatMap(({ amount, discount }) => {
    const found = turn.store.find('discount', idOf(discount))
    return found && amount > 0 && couponOf(turn, found)?.duration === 'once' ? [found.id] : []
  })
  if (used.length === 0) return
  const discounts = subscription.discounts.filter((each) => !used.includes(idOf(each)))
  changeSubscription(turn, subscription, { ...subscription, discounts })
  endDiscounts(turn, used)
}

/** What becomes of an invoice while collection is paused; a draft is kept as it is. */
function putAside(
  turn: Turn,
  draft: Stripe.Invoice,
  behavior: Stripe.Subscription.PauseCollection.Behavior,
): void {
  if (behavior === 'keep_as_draft') return
  const final = finalizeOrTell(turn, draft)
  if (final?.status !== 'open') return
  if (behavior === 'void') voidInvoice(turn, final)
  else writeOff(turn, final)
}

/** Makes a draft final and has it paid as `behavior` says; `default_incomplete` leaves that to the browser. */
function collectNow(turn: Turn, draft: Stripe.Invoice, behavior: PaymentBehavior): void {
  const final = finalizeInvoice(turn, draft)
  if (final.status === 'paid') return
  if (final.collection_method === 'send_invoice') sendInvoice(turn, final)
  else if (behavior === 'default_incomplete') fallBehind(turn, final)
  else {
    const { invoice, intent } = collect(turn, final, methodFor(turn, final))
    if (invoice.status === 'paid' || behavior === 'allow_incomplete') return
    const { status, body } = intent?.last_payment_error ? intentFailure(intent) : needsAction()
    throw new StripeFailure(status, body)
  }
}

const needsAction = () =>
  new StripeFailure(402, {
    type: 'card_error',
    code: 'subscription_payment_intent_requires_action',
    message:
      'Payment for this subscription requires additional user action before it can be completed successfully.',
  })
