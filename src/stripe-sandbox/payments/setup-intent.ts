import type Stripe from 'stripe'
import { nulls } from '../objects/blank.ts'
import { idOf, newId, randomLetters } from '../objects/ids.ts'
import type { Given } from '../objects/resource.ts'
import { change, type Turn } from '../objects/turn.ts'
import type { Decline } from './cards.ts'
import { cardError, intentFailure, nextAction } from './intent.ts'
import { attachPaymentMethod, behaviourOf, markSetUp } from './payment-method.ts'

const none = nulls<Stripe.SetupIntent>()

/** A setup intent that waits for a payment method. */
export function makeSetupIntent(turn: Turn, input: Given<Stripe.SetupIntent>): Stripe.SetupIntent {
  const id = newId('seti')
  const intent = turn.store.save({
    id,
    object: 'setup_intent',
    ...none('allowed_payment_method_types application cancellation_reason customer_account'),
    ...none('excluded_payment_method_types flow_directions last_setup_error latest_attempt mandate'),
    ...none('next_action on_behalf_of payment_method payment_method_configuration_details'),
    ...none('single_use_mandate'),
    automatic_payment_methods: input.automatic_payment_methods ?? null,
    client_secret: `${id}_secret_${randomLetters(25)}`,
    created: turn.now,
    customer: input.customer ?? null,
    description: input.description ?? null,
    livemode: false,
    metadata: input.metadata ?? {},
    payment_method_options: {
      card: { mandate_options: null, network: null, request_three_d_secure: 'automatic' },
    },
    payment_method_types: input.payment_method_types ?? ['card'],
    status: 'requires_payment_method',
    usage: input.usage ?? 'off_session',
  })
  turn.emit('setup_intent.created', intent)
  return intent
}

/** Asks the bank to have a payment method saved. @throws StripeFailure 402 for a decline, which stays on the intent */
export function confirmSetup(
  turn: Turn,
  intent: Stripe.SetupIntent,
  method: Stripe.PaymentMethod,
  returnUrl: string | undefined,
): Stripe.SetupIntent {
  const { setup } = behaviourOf(turn, method.id)
  const bound = { ...intent, payment_method: method.id, last_setup_error: null, next_action: null }
  if (typeof setup === 'object') throw intentFailure(failSetup(turn, bound, setup))
  if (setup === 'ok') return succeedSetup(turn, bound)
  turn.store.hide(intent.id, { returnUrl })
  const waiting = turn.store.save({
    ...bound,
    status: 'requires_action',
    next_action: nextAction(turn, intent.id, returnUrl),
  })
  turn.emit('setup_intent.requires_action', waiting)
  return waiting
}

export function succeedSetup(turn: Turn, intent: Stripe.SetupIntent): Stripe.SetupIntent {
  const customer = idOf(intent.customer)
  const method = turn.store.find('payment_method', idOf(intent.payment_method) ?? '')
  if (method) {
    markSetUp(turn, method.id)
    if (customer !== null) attachPaymentMethod(turn, method, customer)
  }
  const succeeded = turn.store.save({ ...intent, status: 'succeeded', next_action: null })
  turn.emit('setup_intent.succeeded', succeeded)
  const waiting =
    customer === null ? [] : turn.store.all('subscription', { customer, pending_setup_intent: intent.id })
  for (const subscription of waiting) {
    change(turn, 'customer.subscription.updated', subscription, {
      ...subscription,
      pending_setup_intent: null,
      default_payment_method: subscription.default_payment_method ?? method?.id ?? null,
    })
  }
  return succeeded
}

export function failSetup(turn: Turn, intent: Stripe.SetupIntent, decline: Decline): Stripe.SetupIntent {
  const failed = turn.store.save({
    ...intent,
    status: 'requires_payment_method',
    payment_method: null,
    next_action: null,
    last_setup_error: cardError(turn, intent, decline),
  })
  turn.emit('setup_intent.setup_failed', failed)
  return failed
}
