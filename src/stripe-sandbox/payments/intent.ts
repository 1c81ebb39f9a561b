import type Stripe from 'stripe'
import type { z } from 'zod'
import { invalidRequest, missing, noSuch, StripeFailure } from '../objects/errors.ts'
import { idOf } from '../objects/ids.ts'
import * as p from '../objects/parameters.ts'
import type { Call } from '../objects/routes.ts'
import type { Turn } from '../objects/turn.ts'
import type { Decline } from './cards.ts'
import {
  type BillingInput,
  type CardInput,
  checkUsable,
  makePaymentMethod,
  resolvePaymentMethod,
} from './payment-method.ts'

/** What setup intents and payment intents have in common. */
type Intent = Stripe.SetupIntent | Stripe.PaymentIntent

/** What names a payment method in a request, or brings one along. */
type MethodInput = {
  payment_method?: string | undefined
  payment_method_data?:
    | { card?: CardInput | undefined; billing_details?: BillingInput | undefined }
    | undefined
}

const names = { setup_intent: 'SetupIntent', payment_intent: 'PaymentIntent' }
const open = ['requires_payment_method', 'requires_confirmation', 'requires_action']

/** Before automatic payment methods were the default it was cards. */
export const olderIntentShape = { payment_method_types: p.listOf(p.text).default(['card']) }
export const clientSecretShape = p.optional({ client_secret: p.text })
export const automaticMethods = p.hash({
  enabled: p.yesNo,
  allow_redirects: p.oneOf('always', 'never').optional(),
})

/** `byDefault` is for a request that says nothing of it. */
export function automaticOf(input: z.output<typeof automaticMethods> | undefined, byDefault: boolean) {
  const { enabled, allow_redirects = 'always' } = input ?? { enabled: byDefault }
  return enabled ? { allow_redirects, enabled } : null
}

/** A browser proves by the client secret that the intent is its own; a server that sends one must be right too. */
export function checkClientSecret(call: Call<{ client_secret?: string | undefined }>, intent: Intent): void {
  const given = call.params.client_secret
  if (given === undefined && call.fromBrowser) throw missing('client_secret')
  if (given === undefined || given === intent.client_secret) return
  if (!given.startsWith(`${intent.id}_secret_`)) throw noSuch(intent.object, intent.id)
  throw invalidRequest(
    `The client_secret provided does not match the client_secret associated with this ${intent.object}.`,
    { param: 'client_secret' },
  )
}

export function checkNotOver(intent: Intent, wanted: 'updated' | 'canceled'): void {
  if (intent.status === 'succeeded' || intent.status === 'canceled') throw wrongState(intent, wanted)
}

export function wrongState(intent: Intent, wanted: string): StripeFailure {
  return invalidRequest(
    `This ${names[intent.object]} cannot be ${wanted} because it has a status of ${intent.status}.`,
    { code: `${intent.object}_unexpected_state` },
  )
}

/** The payment method that a request names or brings along, or else the one that its intent has already. */
export function methodOf(turn: Turn, input: MethodInput, intent?: Intent): Stripe.PaymentMethod | undefined {
  const { payment_method: id = idOf(intent?.payment_method), payment_method_data: given } = input
  if (given?.card) return makePaymentMethod(turn, { card: given.card, billing: given.billing_details })
  if (id === null) return undefined
  const method = resolvePaymentMethod(turn, id, 'payment_method')
  checkUsable(turn, method)
  return method
}

/** What an intent is confirmed with. @throws StripeFailure 400 for an intent, or a payment method, that cannot be */
export function methodToConfirm(
  turn: Turn & { fromBrowser: boolean },
  intent: Intent,
  input: MethodInput & { return_url?: string | undefined },
): Stripe.PaymentMethod {
  if (!open.includes(intent.status)) throw wrongState(intent, 'confirmed')
  const method = methodOf(turn, input, intent)
  if (!method) throw noMethod(intent)
  checkOwner(method, intent)
  if (!turn.fromBrowser && input.return_url === undefined) checkNoRedirects(intent)
  return method
}

/** What a declined intent keeps as its `last_setup_error` or `last_payment_error`. */
export function cardError(turn: Turn, intent: Intent, decline: Decline, chargeId?: string) {
  const method = turn.store.find('payment_method', idOf(intent.payment_method) ?? '')
  return {
    type: 'card_error' as const,
    code: decline.code,
    message: decline.message,
    ...(decline.declineCode && { decline_code: decline.declineCode }),
    ...(chargeId && { charge: chargeId }),
    ...(method && { payment_method: method }),
  }
}

/** The 402 that tells of an intent's last error; the failed intent stays. */
export function intentFailure(intent: Intent): StripeFailure {
  const error = intent.object === 'setup_intent' ? intent.last_setup_error : intent.last_payment_error
  const { code, message, decline_code, charge, payment_method } = error ?? {}
  return new StripeFailure(
    402,
    {
      type: 'card_error',
      code: code ?? 'card_declined',
      message: message ?? 'Your card was declined.',
      ...(decline_code && { decline_code }),
      ...(charge && { charge }),
      ...(payment_method && { payment_method }),
      [intent.object]: intent,
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

function noMethod({ object }: Intent): StripeFailure {
  const ways =
    object === 'setup_intent'
      ? 'Update the SetupIntent with a payment method and then confirm it again.'
      : 'You can either update the PaymentIntent with a payment method and then confirm it again, or confirm it again directly with a payment method.'
  return invalidRequest(
    `You cannot confirm this ${names[object]} because it's missing a payment method. ${ways}`,
    {
      code: `${object}_unexpected_state`,
    },
  )
}

function checkOwner(method: Stripe.PaymentMethod, intent: Intent): void {
  const [owner, payer] = [idOf(method.customer), idOf(intent.customer)]
  if (owner === null || owner === payer) return
  const name = names[intent.object]
  throw invalidRequest(
    payer === null
      ? `The PaymentMethod ${method.id} belongs to the Customer ${owner}. Please include the Customer in the \`customer\` parameter on the ${name}.`
      : `The PaymentMethod ${method.id} belongs to another Customer than the ${name}, ${payer}.`,
    { param: 'payment_method' },
  )
}

/**
 * With automatic payment methods the payer may be sent away to pay, and has to come back. Stripe.js needs no URL for a
 * card: it asks in a dialog.
 */
function checkNoRedirects({ automatic_payment_methods: automatic }: Intent): void {
  if (!automatic?.enabled || automatic.allow_redirects === 'never') return
  throw invalidRequest(
    'This intent is configured to accept payment methods enabled in your Dashboard. Because some of these payment methods might redirect your customer off of your page, you must provide a `return_url`. If you do not want to accept redirect-based payment methods, set `automatic_payment_methods[allow_redirects]` to `never`.',
    { param: 'return_url' },
  )
}
