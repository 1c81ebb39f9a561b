import type Stripe from 'stripe'
import { newId } from '../objects/ids.ts'
import { change, mustFind, type Turn } from '../objects/turn.ts'

export type BalanceMove = {
  customer: string
  /** In the smallest unit. Below zero the customer is given credit, above it owes more. */
  amount: number
  currency: string
  type: 'adjustment' | 'applied_to_invoice' | 'credit_note' | 'initial' | 'unapplied_from_invoice'
  invoice?: string | null
  creditNote?: string
  description?: string | null | undefined
  metadata?: Stripe.Metadata
}

/** Changes what a customer has in credit or owes, and keeps why. */
export function moveBalance(turn: Turn, move: BalanceMove): Stripe.CustomerBalanceTransaction {
  const customer = mustFind(turn, 'customer', move.customer)
  const balance = customer.balance + move.amount
  const transaction = turn.store.save({
    id: newId('cbtxn'),
    object: 'customer_balance_transaction' as const,
    amount: move.amount,
    checkout_session: null,
    created: turn.now,
    credit_note: move.creditNote ?? null,
    currency: move.currency,
    customer: customer.id,
    customer_account: null,
    description: move.description ?? null,
    ending_balance: balance,
    invoice: move.invoice ?? null,
    livemode: false,
    metadata: move.metadata ?? {},
    type: move.type,
  })
  change(turn, 'customer.updated', customer, {
    ...customer,
    balance,
    currency: customer.currency ?? move.currency,
  })
  return transaction
}
