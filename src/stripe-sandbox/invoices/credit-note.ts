import type Stripe from 'stripe'
import { invalidRequest } from '../objects/errors.ts'
import { idOf, newId } from '../objects/ids.ts'
import { change, mustFind, type Turn } from '../objects/turn.ts'
import { money } from '../payments/amounts.ts'
import { makeRefund, refundedCharge } from '../payments/refund.ts'
import { moveBalance } from './balance-transaction.ts'
import { type CreditLineInput, creditLine } from './credit-note-line.ts'
import { markPaid } from './invoicing.ts'
import { intentOf } from './payer.ts'

export type CreditNoteInput = {
  invoice: string
  amount?: number | undefined
  credit_amount?: number | undefined
  effective_at?: number | undefined
  lines?: CreditLineInput[] | undefined
  memo?: string | undefined
  metadata?: Record<string, string> | null | undefined
  out_of_band_amount?: number | undefined
  reason?: 'duplicate' | 'fraudulent' | 'order_change' | 'product_unsatisfactory' | undefined
  refund_amount?: number | undefined
}

/** A credit note that is not issued: nothing is changed. @throws StripeFailure 400 for more than can be credited */
export function draftCreditNote(turn: Turn, input: CreditNoteInput): Stripe.CreditNote {
  const invoice = mustFind(turn, 'invoice', input.invoice, 'invoice')
  if (invoice.status !== 'open' && invoice.status !== 'uncollectible' && invoice.status !== 'paid')
    throw invalidRequest(`Credit notes are for open and paid invoices; this one is ${invoice.status}.`, {
      param: 'invoice',
    })
  if (input.lines === undefined && input.amount === undefined)
    throw invalidRequest(
      'One of the following params should be provided for this request: amount or lines.',
      {
        code: 'parameter_missing',
      },
    )
  const lines = (input.lines ?? [{ type: 'custom_line_item', amount: input.amount }]).map((line) =>
    creditLine(invoice, line),
  )
  const subtotal = lines.reduce((sum, { amount }) => sum + amount, 0)
  const discounts = sumByDiscount(lines)
  const discountAmount = discounts.reduce((sum, { amount }) => sum + amount, 0)
  const total = subtotal - discountAmount
  if (input.amount !== undefined && input.amount !== total)
    throw invalidRequest(`The lines add up to ${total}, and not to the amount of ${input.amount}.`, {
      param: 'amount',
    })
  checkCreditable(turn, invoice, total, lines)
  checkShares(invoice, input, total)
  const isPaid = invoice.status === 'paid'
  const id = newId('cn')
  const serial = turn.store.all('credit_note', { invoice: invoice.id }).length + 1
  return {
    id,
    object: 'credit_note',
    amount: total,
    amount_shipping: 0,
    created: turn.now,
    currency: invoice.currency,
    customer: idOf(invoice.customer) ?? '',
    customer_account: null,
    customer_balance_transaction: null,
    discount_amount: discountAmount,
    discount_amounts: discounts,
    effective_at: input.effective_at ?? turn.now,
    invoice: invoice.id,
    lines: { object: 'list', data: lines, has_more: false, url: `/v1/credit_notes/${id}/lines` },
    livemode: false,
    memo: input.memo ?? null,
    metadata: input.metadata ?? {},
    number: `${invoice.number}-CN-${String(serial).padStart(2, '0')}`,
    out_of_band_amount: input.out_of_band_amount ?? null,
    pdf: `https://pay.stripe.com/credit_notes/sandbox/${id}/pdf`,
    post_payment_amount: isPaid ? total : 0,
    pre_payment_amount: isPaid ? 0 : total,
    pretax_credit_amounts: [],
    reason: input.reason ?? null,
    refunds: [],
    shipping_cost: null,
    status: 'issued',
    subtotal,
    subtotal_excluding_tax: subtotal,
    total,
    total_excluding_tax: total,
    total_taxes: [],
    type: isPaid ? 'post_payment' : 'pre_payment',
    voided_at: null,
  }
}

/** Issues a credit note: an open invoice asks for less, of a paid one money goes back or becomes credit. */
export function issueCreditNote(turn: Turn, input: CreditNoteInput): Stripe.CreditNote {
  const draft = draftCreditNote(turn, input)
  const invoice = mustFind(turn, 'invoice', input.invoice)
  const { credit_amount: credited = 0, refund_amount: refunded = 0 } = input
  const refund = refunded > 0 ? refundInvoice(turn, invoice, refunded) : undefined
  const transaction =
    credited > 0
      ? moveBalance(turn, {
          customer: idOf(invoice.customer) ?? '',
          amount: -credited,
          currency: invoice.currency,
          type: 'credit_note',
          invoice: invoice.id,
          creditNote: draft.id,
        })
      : undefined
  const note = turn.store.save({
    ...draft,
    customer_balance_transaction: transaction?.id ?? null,
    refunds: refund
      ? [
          {
            amount_refunded: refunded,
            payment_record_refund: null,
            refund: refund.id,
            type: 'refund' as const,
          },
        ]
      : [],
  })
  turn.emit('credit_note.created', note)
  if (invoice.status === 'paid')
    change(turn, 'invoice.updated', invoice, {
      ...invoice,
      post_payment_credit_notes_amount: invoice.post_payment_credit_notes_amount + note.total,
    })
  else askForLess(turn, invoice, note.total)
  return note
}

/** Takes back a credit note whose invoice still waits to be paid. @throws StripeFailure 400 for another */
export function voidCreditNote(turn: Turn, note: Stripe.CreditNote): Stripe.CreditNote {
  const invoice = mustFind(turn, 'invoice', idOf(note.invoice))
  if (note.status === 'void') throw invalidRequest('This credit note is void already.')
  if (note.type !== 'pre_payment' || invoice.status === 'paid')
    throw invalidRequest('Only a credit note of an invoice that is open can be voided.')
  askForLess(turn, invoice, -note.total)
  const voided = turn.store.save({ ...note, status: 'void' as const, voided_at: turn.now })
  turn.emit('credit_note.voided', voided)
  return voided
}

function sumByDiscount(lines: Stripe.CreditNoteLineItem[]): Stripe.CreditNote.DiscountAmount[] {
  const sums = new Map<string, number>()
  for (const { amount, discount } of lines.flatMap((line) => line.discount_amounts))
    sums.set(idOf(discount), (sums.get(idOf(discount)) ?? 0) + amount)
  return [...sums].map(([discount, amount]) => ({ amount, discount }))
}

function checkCreditable(
  turn: Turn,
  invoice: Stripe.Invoice,
  total: number,
  lines: Stripe.CreditNoteLineItem[],
): void {
  const notes = turn.store.all('credit_note', { invoice: invoice.id, status: 'issued' })
  const creditable =
    invoice.status === 'paid'
      ? invoice.total - invoice.pre_payment_credit_notes_amount - invoice.post_payment_credit_notes_amount
      : invoice.amount_remaining
  if (total < 1 || total > creditable)
    throw invalidRequest(
      `The credit note's total of ${money(total, invoice.currency)} must be positive, and at most what can still be credited: ${money(creditable, invoice.currency)}.`,
      { param: 'amount' },
    )
  for (const line of invoice.lines.data) {
    const credited = [...notes.flatMap((note) => note.lines.data), ...lines]
      .filter((each) => each.invoice_line_item === line.id)
      .reduce((sum, { amount }) => sum + amount, 0)
    if (credited > Math.max(0, line.amount))
      throw invalidRequest(`The line item ${line.id} would be credited more than once.`, { param: 'lines' })
  }
}

function checkShares(invoice: Stripe.Invoice, input: CreditNoteInput, total: number): void {
  const shares = [input.refund_amount, input.credit_amount, input.out_of_band_amount]
  const sum = shares.reduce<number>((all, share) => all + (share ?? 0), 0)
  if (shares.some((share) => share !== undefined && share < 0))
    throw invalidRequest('This value must be greater than or equal to 0.', {
      code: 'parameter_invalid_integer',
    })
  if (invoice.status === 'paid' ? sum === total : sum === 0) return
  throw invalidRequest(
    invoice.status === 'paid'
      ? `The sum of refund_amount, credit_amount and out_of_band_amount (${money(sum, invoice.currency)}) must equal the credit note amount (${money(total, invoice.currency)}).`
      : 'You cannot refund, or credit to the balance, what was not paid: this invoice is open.',
  )
}

function refundInvoice(turn: Turn, invoice: Stripe.Invoice, amount: number): Stripe.Refund {
  const intent = intentOf(turn, invoice)
  if (!intent) throw invalidRequest('No payment of this invoice can be refunded.', { param: 'refund_amount' })
  return makeRefund(turn, { charge: refundedCharge(turn, { payment_intent: intent.id }), amount })
}

/** What is due of an open invoice falls by an amount, below zero rises; where nothing is left, it is paid. */
function askForLess(turn: Turn, invoice: Stripe.Invoice, amount: number): void {
  const after = change(turn, 'invoice.updated', invoice, {
    ...invoice,
    amount_due: invoice.amount_due - amount,
    amount_remaining: invoice.amount_remaining - amount,
    pre_payment_credit_notes_amount: invoice.pre_payment_credit_notes_amount + amount,
  })
  if (after.amount_remaining === 0) {
    markPaid(turn, after)
    return
  }
  const intent = intentOf(turn, after)
  if (intent) turn.store.save({ ...intent, amount: after.amount_remaining })
  for (const payment of turn.store.all('invoice_payment', { invoice: after.id, status: 'open' }))
    turn.store.save({ ...payment, amount_requested: after.amount_remaining })
}
