import type Stripe from 'stripe'
import { invalidRequest } from '../objects/errors.ts'
import { idOf } from '../objects/ids.ts'
import { listPage } from '../objects/lists.ts'
import {
  address,
  clearable,
  currency,
  hash,
  listOf,
  mergeMetadata,
  metadata,
  oneOf,
  pagination,
  range,
  type ShapeOf,
  text,
  webUrl,
  whole,
  yesNo,
} from '../objects/parameters.ts'
import { route } from '../objects/routes.ts'
import { mustFind, type Turn } from '../objects/turn.ts'
import { checkChargeAmount } from './amounts.ts'
import { checkClientSecret } from './client-secret.ts'
import { confirmIntent, createIntent, paymentFailure } from './payment.ts'
import { checkOwner, checkReturnUrl, methodOf, paymentMethodInput } from './payment-methods.ts'

const usage = oneOf('off_session', 'on_session')
const createShape = {
  amount: whole,
  currency,
  automatic_payment_methods: hash({
    enabled: yesNo,
    allow_redirects: oneOf('always', 'never').optional(),
  }).optional(),
  capture_method: oneOf('automatic', 'automatic_async', 'manual').optional(),
  confirm: yesNo.optional(),
  confirmation_method: oneOf('automatic', 'manual').optional(),
  customer: text.optional(),
  description: text.optional(),
  metadata: metadata.optional(),
  off_session: yesNo.optional(),
  payment_method: text.optional(),
  payment_method_data: paymentMethodInput.optional(),
  receipt_email: text.optional(),
  return_url: webUrl.optional(),
  setup_future_usage: usage.optional(),
  shipping: hash({ address, name: text, phone: clearable.optional() }).optional(),
} satisfies ShapeOf<Stripe.PaymentIntentCreateParams>

const confirmShape = {
  off_session: yesNo.optional(),
  payment_method: text.optional(),
  payment_method_data: paymentMethodInput.optional(),
  return_url: webUrl.optional(),
  setup_future_usage: usage.optional(),
  use_stripe_sdk: yesNo.optional(),
} satisfies ShapeOf<Stripe.PaymentIntentConfirmParams>

const updateShape = {
  amount: whole.optional(),
  description: clearable.optional(),
  metadata: metadata.optional(),
  payment_method: text.optional(),
} satisfies ShapeOf<Stripe.PaymentIntentUpdateParams>

const listShape = {
  ...pagination,
  created: range.optional(),
  customer: text.optional(),
} satisfies ShapeOf<Stripe.PaymentIntentListParams>

/** Before automatic payment methods were the default it was cards. */
const older = { payment_method_types: listOf(text).default(['card']) }
const browser = { client_secret: text.optional() }

export const paymentIntentRoutes = [
  route(
    'POST /v1/payment_intents',
    createShape,
    (call) => {
      const { params } = call
      checkChargeAmount(params.amount, params.currency)
      if (params.customer !== undefined) mustFind(call, 'customer', params.customer, 'customer')
      const method = methodOf(call, params)
      const intent = createIntent(call, {
        amount: params.amount,
        currency: params.currency,
        customer: params.customer ?? null,
        description: params.description ?? null,
        metadata: params.metadata ?? {},
        automatic:
          params.automatic_payment_methods ??
          (params.payment_method_types === undefined ? { enabled: true } : undefined),
        confirmationMethod: params.confirmation_method ?? 'automatic',
        captureMethod: params.capture_method ?? 'automatic_async',
        setupFutureUsage: params.setup_future_usage ?? null,
        paymentMethod: method?.id ?? null,
        receiptEmail: params.receipt_email ?? null,
        paymentMethodTypes: params.payment_method_types ?? ['card'],
      })
      return params.confirm ? confirmed(call, intent, method, params) : intent
    },
    { older },
  ),
  route('GET /v1/payment_intents', listShape, (call) => {
    const { customer } = call.params
    return listPage(call, 'payment_intent', '/v1/payment_intents', call.params, { equal: { customer } })
  }),
  route(
    'GET /v1/payment_intents/:id',
    {},
    (call) => {
      const intent = mustFind(call, 'payment_intent', call.id)
      checkClientSecret(call, intent)
      return intent
    },
    { browser },
  ),
  route('POST /v1/payment_intents/:id', updateShape, (call) => {
    const intent = mustFind(call, 'payment_intent', call.id)
    const { amount, description, metadata: given, payment_method: methodId } = call.params
    if (intent.status === 'succeeded' || intent.status === 'canceled') throw wrongState(intent, 'updated')
    checkChargeAmount(amount ?? intent.amount, intent.currency)
    const method = methodId === undefined ? undefined : methodOf(call, { payment_method: methodId })
    return call.store.save({
      ...intent,
      amount: amount ?? intent.amount,
      description: description === undefined ? intent.description : description,
      metadata: mergeMetadata(intent.metadata, given),
      ...(method && { payment_method: method.id, status: 'requires_confirmation' as const }),
    })
  }),
  route(
    'POST /v1/payment_intents/:id/confirm',
    confirmShape,
    (call) => {
      const intent = mustFind(call, 'payment_intent', call.id)
      checkClientSecret(call, intent)
      const open = ['requires_payment_method', 'requires_confirmation', 'requires_action']
      if (!open.includes(intent.status)) throw wrongState(intent, 'confirmed')
      const method = methodOf(call, call.params, intent)
      const future = call.params.setup_future_usage ?? intent.setup_future_usage
      return confirmed(call, { ...intent, setup_future_usage: future }, method, call.params)
    },
    { older, browser },
  ),
  route('POST /v1/payment_intents/:id/capture', { amount_to_capture: whole.optional() }, (call) => {
    const intent = mustFind(call, 'payment_intent', call.id)
    if (intent.status !== 'requires_capture') throw wrongState(intent, 'captured')
    const amount = call.params.amount_to_capture ?? intent.amount
    if (amount < 1 || amount > intent.amount_capturable)
      throw invalidRequest(`The amount to capture must be between 1 and ${intent.amount_capturable}.`, {
        param: 'amount_to_capture',
      })
    const charge = mustFind(call, 'charge', idOf(intent.latest_charge) ?? '')
    const captured = call.store.save({ ...charge, captured: true, amount_captured: amount })
    call.emit('charge.captured', captured)
    const after = call.store.save({
      ...intent,
      status: 'succeeded' as const,
      amount_capturable: 0,
      amount_received: amount,
    })
    call.emit('payment_intent.succeeded', after)
    return after
  }),
  route(
    'POST /v1/payment_intents/:id/cancel',
    {
      cancellation_reason: oneOf('duplicate', 'fraudulent', 'requested_by_customer', 'abandoned').optional(),
    },
    (call) => {
      const intent = mustFind(call, 'payment_intent', call.id)
      if (intent.status === 'succeeded' || intent.status === 'canceled') throw wrongState(intent, 'canceled')
      const after = call.store.save({
        ...intent,
        status: 'canceled' as const,
        canceled_at: call.now,
        cancellation_reason: call.params.cancellation_reason ?? null,
        next_action: null,
        amount_capturable: 0,
      })
      call.emit('payment_intent.canceled', after)
      return after
    },
  ),
]

function confirmed(
  turn: Turn & { fromBrowser: boolean },
  intent: Stripe.PaymentIntent,
  method: Stripe.PaymentMethod | undefined,
  {
    off_session: offSession,
    return_url: returnUrl,
  }: { off_session?: boolean | undefined; return_url?: string | undefined },
): Stripe.PaymentIntent {
  if (!method)
    throw invalidRequest(
      "You cannot confirm this PaymentIntent because it's missing a payment method. You can either update the PaymentIntent with a payment method and then confirm it again, or confirm it again directly with a payment method.",
      { code: 'payment_intent_unexpected_state' },
    )
  checkOwner(method, intent)
  checkReturnUrl(turn, intent, returnUrl)
  const after = confirmIntent(turn, intent, method, { offSession, returnUrl })
  if (after.last_payment_error) throw paymentFailure(after)
  return after
}

const wrongState = (intent: Stripe.PaymentIntent, done: string) =>
  invalidRequest(`This PaymentIntent cannot be ${done} because it has a status of ${intent.status}.`, {
    code: 'payment_intent_unexpected_state',
  })
