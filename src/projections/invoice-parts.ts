import type { StripeObjects } from '../stripe/object-types.ts'
import { integerOf, memberOf, timeOf } from './read-value.ts'

type Invoice = StripeObjects['invoice']

/** The lines that an invoice shows: Stripe's events and answers have the first ones alone, mostly all. */
export function linesOf(invoice: object): unknown[] {
  const lines = memberOf(memberOf(invoice, 'lines'), 'data')
  return Array.isArray(lines) ? lines : []
}

/** Of a renewal: where the period begins that the plan is charged for, which Stripe's `period_end` need not be. */
export function boundaryOf(invoice: Invoice): string | null {
  if (invoice.billing_reason !== 'subscription_cycle') return null
  const plan = linesOf(invoice).find((line) => {
    const details = memberOf(memberOf(line, 'parent'), 'subscription_item_details')
    return memberOf(details, 'subscription_item') !== undefined && memberOf(details, 'proration') !== true
  })
  return timeOf(memberOf(memberOf(plan, 'period'), 'start'))
}

export const creditedOn = (invoice: Invoice): number =>
  (integerOf(invoice.pre_payment_credit_notes_amount) ?? 0) +
  (integerOf(invoice.post_payment_credit_notes_amount) ?? 0)

/**
 * What the customer's balance has paid of a final invoice; below zero what it was given, as by an invoice of less than
 * nothing. Voiding gives it back.
 */
export function movedToBalance(invoice: Invoice): number {
  const { status, starting_balance, ending_balance } = invoice
  const after = integerOf(ending_balance)
  return after === null || status === 'void' ? 0 : after - (integerOf(starting_balance) ?? 0)
}
