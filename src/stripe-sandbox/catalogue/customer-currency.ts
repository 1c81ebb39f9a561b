import { invalidRequest } from '../objects/errors.ts'
import { mustFind, type Turn } from '../objects/turn.ts'

/** A customer pays in one currency, that of the first thing bought. @throws StripeFailure 400 for another */
export function settleCurrency(turn: Turn, customerId: string, currency: string): void {
  const customer = mustFind(turn, 'customer', customerId)
  const settled = customer.currency ?? currency
  if (settled !== currency)
    throw invalidRequest(
      `You cannot combine currencies on a single customer. This customer has had a subscription, coupon, or invoice item with currency ${settled}.`,
    )
  if (customer.currency !== currency) turn.store.save({ ...customer, currency })
}
