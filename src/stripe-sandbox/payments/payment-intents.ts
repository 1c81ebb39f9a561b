import type Stripe from 'stripe'
import { invalidRequest } from '../objects/errors.ts'
import { idOf } from '../objects/ids.ts'
import * as p from '../objects/parameters.ts'
import { resource } from '../objects/resource.ts'
import { mustFind } from '../objects/turn.ts'
import { checkChargeAmount } from './amounts.ts'
import {
  automaticMethods,
  automaticOf,
  checkClientSecret,
  checkNotOver,
  clientSecretShape,
  intentFailure,
  methodOf,
  methodToConfirm,
  olderIntentShape,
  wrongState,
} from './intent.ts'
import { confirmIntent, createIntent } from './payment.ts'
import { paymentMethodInput } from './payment-methods.ts'

const confirmation = {
  off_session: p.yesNo,
  payment_method: p.text,
  payment_method_data: paymentMethodInput,
  return_url: p.webUrl,
  setup_future_usage: p.oneOf('off_session', 'on_session'),
} satisfies p.ShapeOf<Stripe.PaymentIntentConfirmParams>

const confirmShape = p.optional({ ...confirmation, use_stripe_sdk: p.yesNo })

const createShape = {
  amount: p.whole,
  currency: p.currency,
  ...p.optional({
    ...confirmation,
    automatic_payment_methods: automaticMethods,
    capture_method: p.oneOf('automatic', 'automatic_async', 'manual'),
    confirm: p.yesNo,
    confirmation_method: p.oneOf('automatic', 'manual'),
    customer: p.text,
    description: p.text,
    metadata: p.metadata,
    receipt_email: p.text,
    shipping: p.hash({ address: p.address, name: p.text, phone: p.clearable.optional() }),
  } satisfies p.ShapeOf<Stripe.PaymentIntentCreateParams>),
}

const updateShape = {
  amount: p.whole,
  description: p.clearable,
  metadata: p.metadata,
  payment_method: p.text,
} satisfies p.ShapeOf<Stripe.PaymentIntentUpdateParams>

const listShape = { created: p.range, customer: p.text } satisfies p.ShapeOf<Stripe.PaymentIntentListParams>

const captureShape = p.optional({
  amount_to_capture: p.whole,
} satisfies p.ShapeOf<Stripe.PaymentIntentCaptureParams>)

const cancelShape = p.optional({
  cancellation_reason: p.oneOf('duplicate', 'fraudulent', 'requested_by_customer', 'abandoned'),
} satisfies p.ShapeOf<Stripe.PaymentIntentCancelParams>)

const intents = resource('payment_intent', '/v1/payment_intents')

export const paymentIntentRoutes = [
  intents.create(
    createShape,
    (call) => {
      const { params } = call
      checkChargeAmount(params.amount, params.currency)
      if (params.customer !== undefined) mustFind(call, 'customer', params.customer, 'customer')
      const {
        automatic_payment_methods: automatic,
        payment_method_types: types,
        shipping: _notKept,
        ...fields
      } = params
      const intent = createIntent(call, {
        ...fields,
        automatic_payment_methods: automaticOf(automatic, types === undefined),
        payment_method: methodOf(call, params)?.id,
        payment_method_types: types,
      })
      const { off_session, return_url } = params
      return params.confirm ? confirmed(call, intent, { off_session, return_url }) : intent
    },
    { older: olderIntentShape },
  ),
  intents.list(listShape),
  intents.retrieve(checkClientSecret, { browser: clientSecretShape }),
  intents.update(updateShape, undefined, (call, intent) => {
    checkNotOver(intent, 'updated')
    checkChargeAmount(call.params.amount ?? intent.amount, intent.currency)
    const method = methodOf(call, call.params)
    return {
      ...call.params,
      ...(method && { payment_method: method.id, status: 'requires_confirmation' as const }),
    }
  }),
  intents.act(
    'confirm',
    confirmShape,
    (call, intent) => {
      checkClientSecret(call, intent)
      const future = call.params.setup_future_usage ?? intent.setup_future_usage
      return confirmed(call, { ...intent, setup_future_usage: future }, call.params)
    },
    { older: olderIntentShape, browser: clientSecretShape },
  ),
  intents.act('capture', captureShape, (call, intent) => {
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
  intents.act('cancel', cancelShape, (call, intent) => {
    checkNotOver(intent, 'canceled')
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
  }),
]

function confirmed(
  call: Parameters<typeof methodToConfirm>[0],
  intent: Stripe.PaymentIntent,
  input: Parameters<typeof methodToConfirm>[2] & { off_session?: boolean | undefined },
): Stripe.PaymentIntent {
  const after = confirmIntent(call, intent, methodToConfirm(call, intent, input), {
    offSession: input.off_session,
    returnUrl: input.return_url,
  })
  if (after.last_payment_error) throw intentFailure(after)
  return after
}
