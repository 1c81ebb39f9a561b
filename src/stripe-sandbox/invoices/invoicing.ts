import type Stripe from 'stripe'
import { couponOf, endDiscounts } from '../catalogue/discount.ts'
import { invalidRequest } from '../objects/errors.ts'
import { idOf, newId } from '../objects/ids.ts'
import { change, mustFind, type Turn } from '../objects/turn.ts'
import { confirmIntent, createIntent } from '../payments/payment.ts'
import { defaultMethodOf } from '../payments/payment-method.ts'

/** Makes a draft final: numbered, its sums fixed, with a payment intent where something is due, else paid. */
export function finalizeInvoice(turn: Turn, invoice: Stripe.Invoice): Stripe.Invoice {
  if (invoice.status !== 'draft')
    throw invalidRequest("This invoice is already finalized, you can't re-finalize a non-draft invoice.", {
      code: 'invoice_not_editable',
    })
  const customer = mustFind(turn, 'customer', idOf(invoice.customer) ?? '')
  const sequence = customer.next_invoice_sequence ?? 1
  const { due, balanceAfter } = settleBalance(invoice.total, customer.balance)
  turn.store.save({ ...customer, next_invoice_sequence: sequence + 1, balance: balanceAfter })
  const final = turn.store.save({
    ...invoice,
    status: 'open' as const,
    number: `${customer.invoice_prefix}-${String(sequence).padStart(4, '0')}`,
    amount_due: due,
    amount_remaining: due,
    starting_balance: customer.balance,
    ending_balance: balanceAfter,
    effective_at: turn.now,
    hosted_invoice_url: `https://invoice.stripe.com/i/sandbox/${invoice.id}`,
    invoice_pdf: `https://pay.stripe.com/invoice/sandbox/${invoice.id}/pdf`,
    status_transitions: { ...invoice.status_transitions, finalized_at: turn.now },
  })
  if (due > 0) requestPayment(turn, final)
  turn.emit('invoice.finalized', final)
  useUpOnceDiscounts(turn, final)
  return due === 0 ? markPaid(turn, final) : final
}

/**
 * Tries to collect an open invoice; `settleInvoice` follows from what the bank says. A card that wants authentication leaves the
 * intent waiting for it, with its owner there or not.
 */
export function collect(
  turn: Turn,
  invoice: Stripe.Invoice,
  method: Stripe.PaymentMethod,
): { invoice: Stripe.Invoice; intent: Stripe.PaymentIntent } {
  const intent = confirmIntent(turn, mustFind(turn, 'payment_intent', intentOf(turn, invoice) ?? ''), method)
  return { invoice: mustFind(turn, 'invoice', invoice.id), intent }
}

/** What a payment intent's new state means for the invoice that it pays, and for the invoice's subscription. */
export function settleInvoice(turn: Turn, intentId: string): void {
  const intent = mustFind(turn, 'payment_intent', intentId)
  const [payment] = turn.store.all('invoice_payment', { 'payment.payment_intent': intent.id })
  const invoice = payment && turn.store.find('invoice', idOf(payment.invoice))
  if (!invoice || (invoice.status !== 'open' && invoice.status !== 'uncollectible')) return
  if (intent.status === 'succeeded') {
    markPaid(turn, invoice, intent)
    return
  }
  const needsAction = intent.status === 'requires_action'
  if (!needsAction && intent.last_payment_error === null) return
  const attempted = change(turn, 'invoice.updated', invoice, {
    ...invoice,
    attempted: true,
    attempt_count: invoice.attempt_count + Number(idOf(intent.latest_charge) !== null || needsAction),
  })
  turn.emit(needsAction ? 'invoice.payment_action_required' : 'invoice.payment_failed', attempted)
}

export function markPaid(turn: Turn, invoice: Stripe.Invoice, intent?: Stripe.PaymentIntent): Stripe.Invoice {
  const paid = change(turn, 'invoice.updated', invoice, {
    ...invoice,
    status: 'paid' as const,
    amount_paid: invoice.amount_due,
    amount_remaining: 0,
    attempted: true,
    attempt_count: invoice.attempt_count + Number(intent !== undefined),
    status_transitions: { ...invoice.status_transitions, paid_at: turn.now },
  })
  for (const payment of turn.store.all('invoice_payment', { invoice: invoice.id, status: 'open' })) {
    if (!intent) {
      cancelPayment(turn, payment)
      continue
    }
    const settled = turn.store.save({
      ...payment,
      status: 'paid',
      amount_paid: invoice.amount_due,
      status_transitions: { ...payment.status_transitions, paid_at: turn.now },
    })
    turn.emit('invoice_payment.paid', settled)
  }
  turn.emit('invoice.payment_succeeded', paid)
  turn.emit('invoice.paid', paid)
  return paid
}

export function voidInvoice(turn: Turn, invoice: Stripe.Invoice): Stripe.Invoice {
  if (invoice.status !== 'open' && invoice.status !== 'uncollectible')
    throw invalidRequest('You can only pass in open or uncollectible invoices. This invoice is not open.', {
      code: 'status_transition_invalid',
    })
  for (const payment of turn.store.all('invoice_payment', { invoice: invoice.id, status: 'open' }))
    cancelPayment(turn, payment)
  const voided = turn.store.save({
    ...invoice,
    status: 'void' as const,
    status_transitions: { ...invoice.status_transitions, voided_at: turn.now },
  })
  turn.emit('invoice.voided', voided)
  return voided
}

/** Nobody expects an uncollectible invoice to be paid; it still can be. */
export function writeOff(turn: Turn, invoice: Stripe.Invoice): Stripe.Invoice {
  if (invoice.status !== 'open')
    throw invalidRequest('You can only mark open invoices as uncollectible.', {
      code: 'status_transition_invalid',
    })
  const after = turn.store.save({
    ...invoice,
    status: 'uncollectible' as const,
    status_transitions: { ...invoice.status_transitions, marked_uncollectible_at: turn.now },
  })
  turn.emit('invoice.marked_uncollectible', after)
  return after
}

export function subscriptionOf(turn: Turn, invoice: Stripe.Invoice): Stripe.Subscription | undefined {
  const id = idOf(invoice.parent?.subscription_details?.subscription)
  return id === null ? undefined : turn.store.find('subscription', id)
}

/** The payment intent that an invoice is to be paid with. */
export function intentOf(turn: Turn, invoice: Stripe.Invoice): string | null {
  const payments = turn.store.all('invoice_payment', { invoice: invoice.id })
  return idOf(payments.find((payment) => payment.is_default)?.payment.payment_intent)
}

/** Whom to charge: the invoice's own method, the subscription's, the customer's. */
export function methodFor(turn: Turn, invoice: Stripe.Invoice): Stripe.PaymentMethod | undefined {
  const own =
    idOf(invoice.default_payment_method) ?? idOf(subscriptionOf(turn, invoice)?.default_payment_method)
  return own === null ? defaultMethodOf(turn, idOf(invoice.customer)) : turn.store.find('payment_method', own)
}

const descriptions: Record<string, string> = {
  subscription_create: 'Subscription creation',
  subscription_cycle: 'Subscription update',
  subscription_update: 'Subscription update',
}

/** A credit balance (negative) pays first; what is below zero becomes credit; what is owed is added. */
function settleBalance(total: number, balance: number): { due: number; balanceAfter: number } {
  const rest = total + balance
  return rest > 0 ? { due: rest, balanceAfter: 0 } : { due: 0, balanceAfter: rest }
}

function requestPayment(turn: Turn, invoice: Stripe.Invoice): void {
  const method = methodFor(turn, invoice)
  const ofSubscription = invoice.parent?.type === 'subscription_details'
  const intent = createIntent(turn, {
    amount: invoice.amount_due,
    currency: invoice.currency,
    customer: idOf(invoice.customer),
    description: descriptions[invoice.billing_reason ?? ''] ?? 'Payment for Invoice',
    paymentMethod: method?.id ?? null,
    // Authenticated once, the card pays the following invoices without its owner.
    setupFutureUsage: ofSubscription ? 'off_session' : null,
  })
  turn.store.save({
    id: newId('inpay'),
    object: 'invoice_payment',
    amount_paid: null,
    amount_requested: invoice.amount_due,
    created: turn.now,
    currency: invoice.currency,
    invoice: invoice.id,
    is_default: true,
    livemode: false,
    payment: { type: 'payment_intent', payment_intent: intent.id },
    status: 'open',
    status_transitions: { canceled_at: null, paid_at: null },
  })
}

function cancelPayment(turn: Turn, payment: Stripe.InvoicePayment): void {
  turn.store.save({
    ...payment,
    status: 'canceled',
    status_transitions: { ...payment.status_transitions, canceled_at: turn.now },
  })
  const intent = turn.store.find('payment_intent', idOf(payment.payment.payment_intent) ?? '')
  if (!intent || intent.status === 'succeeded' || intent.status === 'canceled') return
  const canceled = turn.store.save({
    ...intent,
    status: 'canceled' as const,
    canceled_at: turn.now,
    cancellation_reason: 'void_invoice' as const,
    next_action: null,
  })
  turn.emit('payment_intent.canceled', canceled)
}

/** A `once` coupon leaves its subscription with the first invoice that it took something off. */
function useUpOnceDiscounts(turn: Turn, invoice: Stripe.Invoice): void {
  const subscription = subscriptionOf(turn, invoice)
  if (!subscription) return
  const used = (invoice.total_discount_amounts ?? []).flatMap(({ amount, discount }) => {
    const found = turn.store.find('discount', idOf(discount))
    const once = found && couponOf(turn, found)?.duration === 'once'
    return once && amount > 0 && subscription.discounts.some((each) => idOf(each) === found.id)
      ? [found.id]
      : []
  })
  if (used.length === 0) return
  change(turn, 'customer.subscription.updated', subscription, {
    ...subscription,
    discounts: subscription.discounts.filter((each) => !used.includes(idOf(each))),
  })
  endDiscounts(turn, used)
}
