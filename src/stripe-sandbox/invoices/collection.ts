import type Stripe from 'stripe'
import { StripeFailure } from '../objects/errors.ts'
import { idOf } from '../objects/ids.ts'
import { setTimer } from '../objects/timer.ts'
import { change, mustFind, type Turn } from '../objects/turn.ts'
import { confirmIntent } from '../payments/payment.ts'
import { finalizeInvoice, markPaid } from './invoicing.ts'
import { intentOf, methodFor } from './payer.ts'
import { countsAsAttempt, retryAt } from './retries.ts'

export const draftSeconds = 60 * 60

/** An hour in which items can still be added, then a draft that advances by itself is final. */
export function autoAdvanced(turn: Turn, invoice: Stripe.Invoice): Stripe.Invoice {
  if (invoice.status !== 'draft') return invoice
  const at = invoice.auto_advance ? invoice.created + draftSeconds : null
  if (at !== null) setTimer(turn, 'advance_invoice', invoice.id, at)
  return turn.store.save({ ...invoice, automatically_finalizes_at: at })
}

/** What an invoice does by itself when its time has come: it becomes final, is tried again, or is overdue. */
export function advanceInvoice(turn: Turn, id: string): void {
  const invoice = turn.store.find('invoice', id)
  const { auto_advance: advances, due_date: dueDate, next_payment_attempt: next, status } = invoice ?? {}
  if (!invoice) return
  if (status === 'draft' && advances) {
    const final = finalizeOrTell(turn, invoice)
    if (final?.status !== 'open') return
    if (final.collection_method === 'send_invoice') sendInvoice(turn, final)
    else collect(turn, final, methodFor(turn, final))
  } else if (status === 'open' && advances && next && next <= turn.now)
    collect(turn, invoice, methodFor(turn, invoice))
  else if (status === 'open' && dueDate && dueDate <= turn.now) turn.emit('invoice.overdue', invoice)
}

/** Sends a final invoice to its customer, who has until its due date. */
export function sendInvoice(turn: Turn, invoice: Stripe.Invoice): void {
  turn.emit('invoice.sent', invoice)
  if (invoice.due_date !== null) setTimer(turn, 'advance_invoice', invoice.id, invoice.due_date)
}

/**
 * The one way in which an open invoice is charged: first, again by the schedule, or because somebody asks. What the bank
 * says comes back in the intent; `settleInvoice` follows from it. Without a method the attempt has failed.
 */
export function collect(
  turn: Turn,
  invoice: Stripe.Invoice,
  method: Stripe.PaymentMethod | undefined,
): { invoice: Stripe.Invoice; intent: Stripe.PaymentIntent | undefined } {
  const waiting = intentOf(turn, invoice)
  const intent = waiting && method ? confirmIntent(turn, waiting, method) : waiting
  if (!method) failAttempt(turn, invoice, 'invoice.payment_failed')
  return { invoice: mustFind(turn, 'invoice', invoice.id), intent }
}

/** What a payment intent's new state means for the invoice that it pays. */
export function settleInvoice(turn: Turn, intentId: string): void {
  const intent = mustFind(turn, 'payment_intent', intentId)
  const [payment] = turn.store.all('invoice_payment', { 'payment.payment_intent': intent.id })
  const invoice = payment && turn.store.find('invoice', idOf(payment.invoice))
  if (!invoice || (invoice.status !== 'open' && invoice.status !== 'uncollectible')) return
  if (intent.status === 'succeeded') markPaid(turn, invoice, intent)
  else if (intent.status === 'requires_action') failAttempt(turn, invoice, 'invoice.payment_action_required')
  else if (intent.last_payment_error !== null) failAttempt(turn, invoice, 'invoice.payment_failed')
}

function failAttempt(
  turn: Turn,
  invoice: Stripe.Invoice,
  type: 'invoice.payment_action_required' | 'invoice.payment_failed',
): void {
  const counts = countsAsAttempt(turn, invoice)
  const attempts = invoice.attempt_count + Number(counts)
  const next = counts ? retryAt(turn, invoice, attempts) : invoice.next_payment_attempt
  if (counts && next !== null) setTimer(turn, 'advance_invoice', invoice.id, next)
  const failed = change(turn, 'invoice.updated', invoice, {
    ...invoice,
    attempted: true,
    attempt_count: attempts,
    next_payment_attempt: next,
  })
  turn.emit(type, failed)
}

/** A draft that cannot become final, because of its amount, stays one and says why. */
export function finalizeOrTell(turn: Turn, draft: Stripe.Invoice): Stripe.Invoice | undefined {
  try {
    return turn.store.transaction(() => finalizeInvoice(turn, draft))
  } catch (error) {
    if (!(error instanceof StripeFailure)) throw error
    const { type, code, message } = error.body
    const last = { type, message, ...(code && { code }) }
    const stuck = turn.store.save({ ...draft, auto_advance: false, last_finalization_error: last })
    turn.emit('invoice.finalization_failed', stuck)
    return undefined
  }
}
