import type Stripe from 'stripe'
import { invalidRequest } from '../objects/errors.ts'

/** The most that can be charged at once, in the smallest unit of any currency. */
export const largestAmount = 99_999_999

/** The least that can be charged, in the smallest unit: https://docs.stripe.com/currencies#minimum-and-maximum-charge-amounts */
const smallestAmounts: Record<string, number> = {
  aed: 200,
  bgn: 100,
  czk: 1500,
  dkk: 250,
  gbp: 30,
  hkd: 400,
  huf: 17_500,
  mxn: 1000,
  myr: 200,
  nok: 300,
  pln: 200,
  ron: 200,
  sek: 300,
  thb: 1000,
}
const smallestAmountElsewhere = 50

/**
 * What is to be charged, and the customer's balance after it (negative is credit): a credit pays first, what is below
 * zero becomes credit, and what is too little to charge is owed with the next invoice.
 */
export function settleBalance(
  { total, currency }: Pick<Stripe.Invoice, 'total' | 'currency'>,
  balance: number,
): { due: number; balanceAfter: number } {
  const rest = total + balance
  const charged = rest >= (smallestAmounts[currency] ?? smallestAmountElsewhere)
  return charged ? { due: rest, balanceAfter: 0 } : { due: 0, balanceAfter: rest }
}

/** @throws StripeFailure 400 `amount_too_large` */
export function checkAmount(amount: number, param: string): void {
  if (Math.abs(amount) > largestAmount)
    throw invalidRequest('Amount must be no more than $999,999.99', { code: 'amount_too_large', param })
}
