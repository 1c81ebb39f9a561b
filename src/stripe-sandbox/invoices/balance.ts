import type Stripe from 'stripe'
import { leastChargeOf } from '../payments/amounts.ts'

/**
 * What is to be charged, and the customer's balance after it (negative is credit): a credit pays first, what is below
 * zero becomes credit, and what is too little to charge is owed with the next invoice.
 */
export function settleBalance(
  { total, currency }: Pick<Stripe.Invoice, 'total' | 'currency'>,
  balance: number,
): { due: number; balanceAfter: number } {
  const rest = total + balance
  const charged = rest >= leastChargeOf(currency)
  return charged ? { due: rest, balanceAfter: 0 } : { due: 0, balanceAfter: rest }
}
