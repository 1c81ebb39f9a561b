import type Stripe from 'stripe'
import { addDays } from '../objects/periods.ts'
import type { Turn } from '../objects/turn.ts'
import { subscriptionOf } from './payer.ts'

/** Days from each failed attempt to the next. Stripe's own retries are timed by a model that is not public. */
const retryAfterDays = [3, 5, 7]

/** Whether an attempt made now counts: the first of all does, then those of the schedule alone. */
export function countsAsAttempt(turn: Turn, invoice: Stripe.Invoice): boolean {
  const { attempt_count: count, next_payment_attempt: next } = invoice
  return count === 0 || (next !== null && next <= turn.now)
}

/** When an invoice that has failed so often is tried again; null for the owner's turn, and for one that is sent. */
export function retryAt(turn: Turn, invoice: Stripe.Invoice, attempts: number): number | null {
  const days = retryAfterDays[attempts - 1]
  const status = subscriptionOf(turn, invoice)?.status
  const first = status === 'incomplete' || status === 'paused'
  const charges = invoice.auto_advance && invoice.collection_method === 'charge_automatically'
  return days === undefined || first || !charges ? null : addDays(turn.now, days)
}

/** Whether the last of the schedule's attempts has failed. */
export function retriesAreOver(invoice: Stripe.Invoice): boolean {
  return (
    invoice.status === 'open' &&
    invoice.auto_advance === true &&
    invoice.attempt_count > retryAfterDays.length
  )
}
