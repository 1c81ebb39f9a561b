import type Stripe from 'stripe'
import { nulls } from '../objects/blank.ts'
import { StripeFailure } from '../objects/errors.ts'
import { idOf, newId, randomLetters } from '../objects/ids.ts'
import type { Turn } from '../objects/turn.ts'
import { type Decline, declines } from './cards.ts'
import { recordCharge } from './charge.ts'
import { attachPaymentMethod, behaviourOf, markSetUp, markSpent } from './payment-method.ts'

export type IntentInput = {
  amount: number
  currency: string
  customer?: string | null
  description?: string | null
  metadata?: Record<string, string>
  paymentMethodTypes?: string[]
  automatic?: { enabled: boolean; allow_redirects?: 'always' | 'never' | undefined } | undefined
  confirmationMethod?: 'automatic' | 'manual'
  captureMethod?: 'automatic' | 'automatic_async' | 'manual'
  setupFutureUsage?: 'off_session' | 'on_session' | null
  paymentMethod?: string | null
  receiptEmail?: string | null
}

const none = nulls<Stripe.PaymentIntent>()

/** A payment intent that waits for a payment method, or for its confirmation where it has one. */
export function createIntent(turn: Turn, input: IntentInput): Stripe.PaymentIntent {
  const id = newId('pi')
  const intent = turn.store.save({
    id,
    object: 'payment_intent',
    ...none('allowed_payment_method_types application application_fee_amount canceled_at'),
    ...none('cancellation_reason customer_account excluded_payment_method_types last_payment_error'),
    ...none('latest_charge managed_payments next_action on_behalf_of'),
    ...none('payment_method_configuration_details payment_method_options payment_record processing'),
    ...none('review shipping source statement_descriptor statement_descriptor_suffix transfer_group'),
    amount: input.amount,
    amount_capturable: 0,
    amount_received: 0,
    automatic_payment_methods: input.automatic?.enabled
      ? { allow_redirects: input.automatic.allow_redirects ?? 'always', enabled: true }
      : null,
    capture_method: input.captureMethod ?? 'automatic_async',
    client_secret: `${id}_secret_${randomLetters(25)}`,
    confirmation_method: input.confirmationMethod ?? 'automatic',
    created: turn.now,
    currency: input.currency,
    customer: input.customer ?? null,
    description: input.description ?? null,
    livemode: false,
    metadata: input.metadata ?? {},
    payment_method: input.paymentMethod ?? null,
    payment_method_types: input.paymentMethodTypes ?? ['card'],
    receipt_email: input.receiptEmail ?? null,
    setup_future_usage: input.setupFutureUsage ?? null,
    status: input.paymentMethod ? 'requires_confirmation' : 'requires_payment_method',
  })
  turn.emit('payment_intent.created', intent)
  return intent
}

/**
 * Asks the bank. The intent that comes back has succeeded, waits for authentication or capture, or has failed and
 * says why in `last_payment_error`; what hangs on it (an invoice) is the caller's.
 */
export function confirmIntent(
  turn: Turn,
  intent: Stripe.PaymentIntent,
  method: Stripe.PaymentMethod,
  how: { offSession?: boolean | undefined; returnUrl?: string | undefined; authenticated?: boolean } = {},
): Stripe.PaymentIntent {
  const { charge: verdict, authenticated } = behaviourOf(turn, method.id)
  const bound = { ...intent, payment_method: method.id, last_payment_error: null, next_action: null }
  if (typeof verdict === 'object') return declineIntent(turn, bound, method, verdict)
  if (how.authenticated && authenticated !== 'ok') return declineIntent(turn, bound, method, authenticated)
  if (verdict === 'ok' || how.authenticated || (verdict === 'authenticate_on_session' && how.offSession))
    return chargeIntent(turn, bound, method, how.authenticated === true)
  if (how.offSession) return declineIntent(turn, bound, method, declines.authenticationRequired)
  turn.store.hide(intent.id, { returnUrl: how.returnUrl })
  const waiting = turn.store.save({
    ...bound,
    status: 'requires_action',
    next_action: nextAction(turn, intent.id, how.returnUrl),
  })
  turn.emit('payment_intent.requires_action', waiting)
  return waiting
}

/** The bank's answer is no, or the challenge was failed: the intent waits for another payment method. */
export function failIntent(
  turn: Turn,
  intent: Stripe.PaymentIntent,
  decline: Decline,
  chargeId?: string,
): Stripe.PaymentIntent {
  const method = turn.store.find('payment_method', idOf(intent.payment_method) ?? '')
  const failed = turn.store.save({
    ...intent,
    status: 'requires_payment_method',
    payment_method: null,
    next_action: null,
    latest_charge: chargeId ?? intent.latest_charge,
    last_payment_error: {
      type: 'card_error',
      code: decline.code,
      message: decline.message,
      ...(decline.declineCode && { decline_code: decline.declineCode }),
      ...(chargeId && { charge: chargeId }),
      ...(method && { payment_method: method }),
    },
  })
  turn.emit('payment_intent.payment_failed', failed)
  return failed
}

/** The 402 that tells of an intent's `last_payment_error`; the failed intent stays. */
export function paymentFailure(intent: Stripe.PaymentIntent): StripeFailure {
  const { code, message, decline_code, charge, payment_method } = intent.last_payment_error ?? {}
  return new StripeFailure(
    402,
    {
      type: 'card_error',
      code: code ?? 'card_declined',
      message: message ?? 'Your card was declined.',
      ...(decline_code && { decline_code }),
      ...(charge && { charge }),
      ...(payment_method && { payment_method }),
      payment_intent: intent,
    },
    true,
  )
}

/** What the payer's browser is to do: a redirect where there is somewhere to come back to, else Stripe.js's dialog. */
export function nextAction(turn: Turn, id: string, returnUrl: string | undefined) {
  const url = `${turn.baseUrl}/_sandbox/challenge/${id}`
  return returnUrl === undefined
    ? { type: 'use_stripe_sdk', use_stripe_sdk: { type: 'three_d_secure_redirect', stripe_js: url } }
    : { type: 'redirect_to_url', redirect_to_url: { return_url: returnUrl, url } }
}

function chargeIntent(
  turn: Turn,
  intent: Stripe.PaymentIntent,
  method: Stripe.PaymentMethod,
  authenticated: boolean,
): Stripe.PaymentIntent {
  const manual = intent.capture_method === 'manual'
  const customer = idOf(intent.customer)
  if (intent.setup_future_usage !== null) {
    if (customer !== null) attachPaymentMethod(turn, method, customer)
    if (authenticated) markSetUp(turn, method.id)
  }
  if (turn.store.find('payment_method', method.id)?.customer === null) markSpent(turn, method.id)
  const charge = recordCharge(turn, intent, method, manual ? 'authorized' : 'captured')
  const after = turn.store.save({
    ...intent,
    status: manual ? 'requires_capture' : 'succeeded',
    amount_capturable: manual ? intent.amount : 0,
    amount_received: manual ? 0 : intent.amount,
    latest_charge: charge.id,
  })
  turn.emit(manual ? 'payment_intent.amount_capturable_updated' : 'payment_intent.succeeded', after)
  return after
}

function declineIntent(
  turn: Turn,
  intent: Stripe.PaymentIntent,
  method: Stripe.PaymentMethod,
  decline: Decline,
): Stripe.PaymentIntent {
  const charge = recordCharge(turn, intent, method, decline)
  return failIntent(turn, intent, decline, charge.id)
}
