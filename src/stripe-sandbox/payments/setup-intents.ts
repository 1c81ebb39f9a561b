import type Stripe from 'stripe'
import { invalidRequest } from '../objects/errors.ts'
import * as p from '../objects/parameters.ts'
import { resource } from '../objects/resource.ts'
import { mustFind } from '../objects/turn.ts'
import {
  automaticMethods,
  automaticOf,
  checkClientSecret,
  checkNotOver,
  clientSecretShape,
  methodOf,
  methodToConfirm,
  olderIntentShape,
} from './intent.ts'
import { paymentMethodInput } from './payment-methods.ts'
import { confirmSetup, makeSetupIntent } from './setup-intent.ts'

const confirmShape = p.optional({
  payment_method: p.text,
  payment_method_data: paymentMethodInput,
  return_url: p.webUrl,
  use_stripe_sdk: p.yesNo,
} satisfies p.ShapeOf<Stripe.SetupIntentConfirmParams>)

const createShape = {
  ...confirmShape,
  ...p.optional({
    allowed_payment_method_types: p.listOf(p.text),
    automatic_payment_methods: automaticMethods,
    confirm: p.yesNo,
    customer: p.text,
    description: p.text,
    metadata: p.metadata,
    usage: p.oneOf('off_session', 'on_session'),
  } satisfies p.ShapeOf<Stripe.SetupIntentCreateParams>),
}

const updateShape = {
  customer: p.text,
  description: p.clearable,
  metadata: p.metadata,
  payment_method: p.text,
} satisfies p.ShapeOf<Stripe.SetupIntentUpdateParams>

const listShape = {
  created: p.range,
  customer: p.text,
  payment_method: p.text,
} satisfies p.ShapeOf<Stripe.SetupIntentListParams>

const cancelShape = p.optional({
  cancellation_reason: p.oneOf('abandoned', 'requested_by_customer', 'duplicate'),
} satisfies p.ShapeOf<Stripe.SetupIntentCancelParams>)

const intents = resource('setup_intent', '/v1/setup_intents')

export const setupIntentRoutes = [
  intents.create(
    createShape,
    (call) => {
      const { params } = call
      const types = params.payment_method_types ?? params.allowed_payment_method_types
      if (params.customer !== undefined) mustFind(call, 'customer', params.customer, 'customer')
      if (params.return_url !== undefined && !params.confirm)
        throw invalidRequest('The parameter `return_url` can only be used when confirming the SetupIntent.', {
          param: 'return_url',
        })
      const intent = makeSetupIntent(call, {
        customer: params.customer,
        description: params.description,
        metadata: params.metadata,
        usage: params.usage,
        payment_method_types: types,
        automatic_payment_methods: automaticOf(params.automatic_payment_methods, types === undefined),
      })
      if (params.confirm)
        return confirmSetup(call, intent, methodToConfirm(call, intent, params), params.return_url)
      const method = methodOf(call, params)
      return method ? call.store.save({ ...intent, ...bound(method) }) : intent
    },
    { older: olderIntentShape },
  ),
  intents.list(listShape),
  intents.retrieve(checkClientSecret, { browser: clientSecretShape }),
  // Stripe has no event for an updated setup intent.
  intents.update(updateShape, undefined, (call, intent) => {
    checkNotOver(intent, 'updated')
    if (call.params.customer !== undefined) mustFind(call, 'customer', call.params.customer, 'customer')
    const method = methodOf(call, call.params)
    return { ...call.params, ...(method && bound(method)) }
  }),
  intents.act(
    'confirm',
    confirmShape,
    (call, intent) => {
      checkClientSecret(call, intent)
      return confirmSetup(call, intent, methodToConfirm(call, intent, call.params), call.params.return_url)
    },
    { browser: clientSecretShape },
  ),
  intents.act('cancel', cancelShape, (call, intent) => {
    checkNotOver(intent, 'canceled')
    const canceled = call.store.save({
      ...intent,
      status: 'canceled' as const,
      cancellation_reason: call.params.cancellation_reason ?? null,
      next_action: null,
    })
    call.emit('setup_intent.canceled', canceled)
    return canceled
  }),
]

const bound = (method: Stripe.PaymentMethod) => ({
  payment_method: method.id,
  status: 'requires_confirmation' as const,
})
