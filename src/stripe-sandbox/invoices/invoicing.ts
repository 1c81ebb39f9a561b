import type Stripe from 'stripe'
import { invalidRequest } from '../objects/errors.ts'
import { idOf, newId } from '../objects/ids.ts'
import { change, mustFind, type Turn } from '../objects/turn.ts'
import { checkAmount } from '../payments/amounts.ts'
import { createIntent } from '../payments/payment.ts'
import { settleBalance } from './balance.ts'
import { moveBalance } from './balance-transaction.ts'
import { methodFor } from './payer.ts'
import { countsAsAttempt } from './retries.ts'

/**
 * Makes a draft final: numbered, its sums fixed, with a payment intent where something is due, else paid.
 * @throws StripeFailure 400 `amount_too_large`
 */
export function finalizeInvoice(turn: Turn, invoice: Stripe.Invoice): Stripe.Invoice {
  if (invoice.status !== 'draft')
    throw invalidRequest("This invoice is already finalized, you can't re-finalize a non-draft invoice.", {
      code: 'invoice_not_editable',
    })
  const customer = mustFind(turn, 'customer', idOf(invoice.customer) ?? '')
  const sequence = customer.next_invoice_sequence ?? 1
  const { due, balanceAfter } = settleBalance(invoice, customer.balance)
  checkAmount(due, 'amount_due')
  turn.store.save({ ...customer, next_invoice_sequence: sequence + 1 })
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
  moveForInvoice(turn, final, balanceAfter - customer.balance, 'applied_to_invoice')
  if (due > 0) requestPayment(turn, final)
  turn.emit('invoice.finalized', final)
  return due === 0 ? markPaid(turn, final) : final
}

export function markPaid(turn: Turn, invoice: Stripe.Invoice, intent?: Stripe.PaymentIntent): Stripe.Invoice {
  const paid = change(turn, 'invoice.updated', invoice, {
    ...invoice,
    status: 'paid' as const,
    amount_paid: invoice.amount_due,
    amount_remaining: 0,
    attempted: true,
    attempt_count: invoice.attempt_count + Number(intent !== undefined && countsAsAttempt(turn, invoice)),
    next_payment_attempt: null,
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
  const moved = (invoice.ending_balance ?? 0) - invoice.starting_balance
  moveForInvoice(turn, invoice, -moved, 'unapplied_from_invoice')
  const voided = turn.store.save({
    ...invoice,
    status: 'void' as const,
    next_payment_attempt: null,
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
    auto_advance: false,
    next_payment_attempt: null,
    status_transitions: { ...invoice.status_transitions, marked_uncollectible_at: turn.now },
  })
  turn.emit('invoice.marked_uncollectible', after)
  return after
}

const descriptions: Record<string, string> = {
  subscription_create: 'Subscription creation',
  subscription_cycle: 'Subscription update',
  subscription_update: 'Subscription update',
}

function requestPayment(turn: Turn, invoice: Stripe.Invoice): void {
  const method = methodFor(turn, invoice)
  const ofSubscription = invoice.parent?.type === 'subscription_details'
  const intent = createIntent(turn, {
    amount: invoice.amount_due,
    currency: invoice.currency,
    customer: idOf(invoice.customer),
    description: descriptions[invoice.billing_reason ?? ''] ?? 'Payment for Invoice',
    payment_method: method?.id,
    // Authenticated once, the card pays the following invoices without its owner.
    setup_future_usage: ofSubscription ? 'off_session' : null,
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

function moveForInvoice(
  turn: Turn,
  { id, customer, currency }: Stripe.Invoice,
  amount: number,
  type: 'applied_to_invoice' | 'unapplied_from_invoice',
): void {
  const owner = idOf(customer)
  if (amount !== 0 && owner !== null)
    moveBalance(turn, { customer: owner, amount, currency, type, invoice: id })
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
