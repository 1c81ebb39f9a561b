import type Stripe from 'stripe'
import { invalidRequest, noSuch } from '../objects/errors.ts'
import { idOf } from '../objects/ids.ts'
import { mustFind, type Turn } from '../objects/turn.ts'
import { confirmIntent, failIntent } from './payment.ts'
import { failSetup, succeedSetup } from './setup-intent.ts'

/**
 * The payer at the bank's 3-D Secure challenge. Takes a setup intent, a payment intent, or an invoice or subscription
 * whose (latest) invoice waits for one; answers the intent. @throws StripeFailure where nothing waits
 */
export function playAuthentication(
  turn: Turn,
  id: string,
  outcome: 'succeed' | 'fail',
): Stripe.SetupIntent | Stripe.PaymentIntent {
  if (id.startsWith('seti_')) {
    const intent = mustFind(turn, 'setup_intent', id)
    if (intent.status !== 'requires_action') throw notWaiting(intent)
    return outcome === 'succeed'
      ? succeedSetup(turn, intent)
      : failSetup(turn, intent, failedChallenge('setup_intent'))
  }
  const intent = mustFind(turn, 'payment_intent', intentIdOf(turn, id))
  if (intent.status !== 'requires_action') throw notWaiting(intent)
  const method = mustFind(turn, 'payment_method', idOf(intent.payment_method) ?? '')
  return outcome === 'succeed'
    ? confirmIntent(turn, intent, method, { authenticated: true })
    : failIntent(turn, intent, failedChallenge('payment_intent'))
}

function intentIdOf(turn: Turn, id: string): string {
  if (id.startsWith('pi_')) return id
  const invoiceId = id.startsWith('sub_') ? idOf(mustFind(turn, 'subscription', id).latest_invoice) : id
  const payments = turn.store.all('invoice_payment', { invoice: invoiceId })
  const intentId = idOf(payments.find((payment) => payment.is_default)?.payment.payment_intent)
  if (!intentId) throw noSuch('intent to authenticate', id)
  return intentId
}

const failedChallenge = (kind: string) => ({
  code: `${kind}_authentication_failure`,
  message:
    'We are unable to authenticate your payment method. Please choose a different payment method and try again.',
})

const notWaiting = ({ object, status }: { object: string; status: string }) =>
  invalidRequest(`This ${object} does not wait for authentication: its status is ${status}.`)
