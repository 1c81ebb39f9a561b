import type Stripe from 'stripe'
import { StripeFailure } from '../objects/errors.ts'
import { idOf } from '../objects/ids.ts'
import { change, type Turn } from '../objects/turn.ts'
import type { Decline } from './cards.ts'
import { nextAction } from './payment.ts'
import { attachPaymentMethod, behaviourOf, markSetUp } from './payment-method.ts'

/** Asks the bank to have a payment method saved. @throws StripeFailure 402 for a decline, which stays on the intent */
export function confirmSetup(
  turn: Turn,
  intent: Stripe.SetupIntent,
  method: Stripe.PaymentMethod,
  returnUrl: string | undefined,
): Stripe.SetupIntent {
  const { setup } = behaviourOf(turn, method.id)
  const bound = { ...intent, payment_method: method.id, last_setup_error: null, next_action: null }
  if (typeof setup === 'object') throw setupFailure(failSetup(turn, bound, setup))
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
  const method = turn.store.find('payment_method', idOf(intent.payment_method) ?? '')
  const failed = turn.store.save({
    ...intent,
    status: 'requires_payment_method',
    payment_method: null,
    next_action: null,
    last_setup_error: {
      type: 'card_error',
      code: decline.code,
      message: decline.message,
      ...(decline.declineCode && { decline_code: decline.declineCode }),
      ...(method && { payment_method: method }),
    },
  })
  turn.emit('setup_intent.setup_failed', failed)
  return failed
}

function setupFailure(intent: Stripe.SetupIntent): StripeFailure {
  const { code, message, decline_code, payment_method } = intent.last_setup_error ?? {}
  return new StripeFailure(
    402,
    {
      type: 'card_error',
      code: code ?? 'card_declined',
      message: message ?? 'Your card was declined.',
      ...(decline_code && { decline_code }),
      ...(payment_method && { payment_method }),
      setup_intent: intent,
    },
    true,
  )
}
