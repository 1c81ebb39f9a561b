import type Stripe from 'stripe'
import { idOf } from '../objects/ids.ts'
import type { Turn } from '../objects/turn.ts'
import { defaultMethodOf } from '../payments/payment-method.ts'

export function subscriptionOf(turn: Turn, invoice: Stripe.Invoice): Stripe.Subscription | undefined {
  const id = idOf(invoice.parent?.subscription_details?.subscription)
  return id === null ? undefined : turn.store.find('subscription', id)
}

/** The payment intent that an invoice is to be paid with. */
export function intentOf(turn: Turn, invoice: Stripe.Invoice): Stripe.PaymentIntent | undefined {
  const payments = turn.store.all('invoice_payment', { invoice: invoice.id })
  const payment = payments.find((each) => each.is_default)
  return turn.store.find('payment_intent', idOf(payment?.payment.payment_intent) ?? '')
}

/**
 * Whom to charge: the invoice's own method, the subscription's, the customer's. None where that one has been taken from
 * the customer since: nobody else is charged in its place.
 */
export function methodFor(turn: Turn, invoice: Stripe.Invoice): Stripe.PaymentMethod | undefined {
  const customer = idOf(invoice.customer)
  const own =
    idOf(invoice.default_payment_method) ?? idOf(subscriptionOf(turn, invoice)?.default_payment_method)
  const method = own === null ? defaultMethodOf(turn, customer) : turn.store.find('payment_method', own)
  return method && idOf(method.customer) === customer ? method : undefined
}
