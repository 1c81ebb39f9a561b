import type Stripe from 'stripe'
import { settleBalance } from '../invoices/balance.ts'
import { idOf } from '../objects/ids.ts'
import { mustFind, type Turn } from '../objects/turn.ts'

/** An invoice with its sums as they will be once it is final, and otherwise as if nothing had happened to it yet. */
export function asPreview(turn: Turn, invoice: Stripe.Invoice): Stripe.Invoice {
  const customer = mustFind(turn, 'customer', idOf(invoice.customer) ?? '')
  const start = invoice.status === 'draft' ? customer.balance : invoice.starting_balance
  const { due, balanceAfter } = settleBalance(invoice, start)
  return {
    ...invoice,
    id: `upcoming_${invoice.id}`,
    amount_due: due,
    amount_paid: 0,
    amount_remaining: due,
    attempted: false,
    attempt_count: 0,
    automatically_finalizes_at: null,
    effective_at: null,
    ending_balance: balanceAfter,
    hosted_invoice_url: null,
    invoice_pdf: null,
    next_payment_attempt: null,
    number: null,
    starting_balance: start,
    status: 'draft',
    status_transitions: { finalized_at: null, marked_uncollectible_at: null, paid_at: null, voided_at: null },
  }
}

/** What the work answers; all that it wrote is undone. */
export function undone<T>(turn: Turn, work: () => T): T {
  const undo = new Error('undo')
  const results: T[] = []
  try {
    turn.store.transaction(() => {
      results.push(work())
      throw undo
    })
  } catch (error) {
    if (error !== undo) throw error
  }
  const [result] = results as [T]
  return result
}
