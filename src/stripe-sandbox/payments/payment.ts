import type Stripe from 'stripe'
import { nulls } from '../objects/blank.ts'
import { idOf, newId, randomLetters } from '../objects/ids.ts'
import type { Given } from '../objects/resource.ts'
import type { Turn } from '../objects/turn.ts'
import { type Decline, declines } from './cards.ts'
import { recordCharge } from './charge.ts'
import { cardError, nextAction } from './intent.ts'
import { attachPaymentMethod, behaviourOf, markSetUp, markSpent } from './payment-method.ts'

type IntentInput = Pick<Stripe.PaymentIntent, 'amount' | 'currency'> & Given<Stripe.PaymentIntent>

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
    automatic_payment_methods: input.automatic_payment_methods ?? null,
    capture_method: input.capture_method ?? 'automatic_async',
    client_secret: `${id}_secret_${randomLetters(25)}`,
    confirmation_method: input.confirmation_method ?? 'automatic',
    created: turn.now,
    currency: input.currency,
    customer: input.customer ?? null,
    description: input.description ?? null,
    livemode: false,
    metadata: input.metadata ?? {},
    payment_method: input.payment_method ?? null,
    payment_method_types: input.payment_method_types ?? ['card'],
    receipt_email: input.receipt_email ?? null,
    setup_future_usage: input.setup_future_usage ?? null,
    status: input.payment_method ? 'requires_confirmation' : 'requires_payment_method',
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
  const failed = turn.store.save({
    ...intent,
    status: 'requires_payment_method',
    payment_method: null,
    next_action: null,
    latest_charge: chargeId ?? intent.latest_charge,
    last_payment_error: cardError(turn, intent, decline, chargeId),
  })
  turn.emit('payment_intent.payment_failed', failed)
  return failed
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
