import type Stripe from 'stripe'
import { nulls } from '../objects/blank.ts'
import { invalidRequest } from '../objects/errors.ts'
import { newId, randomLetters } from '../objects/ids.ts'
import { listPage } from '../objects/lists.ts'
import {
  clearable,
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
  yesNo,
} from '../objects/parameters.ts'
import { route } from '../objects/routes.ts'
import { mustFind, type Turn } from '../objects/turn.ts'
import { checkClientSecret } from './client-secret.ts'
import { checkOwner, checkReturnUrl, methodOf, paymentMethodInput } from './payment-methods.ts'
import { confirmSetup } from './setup-intent.ts'

const none = nulls<Stripe.SetupIntent>()
const automatic = hash({ enabled: yesNo, allow_redirects: oneOf('always', 'never').optional() })
const createShape = {
  allowed_payment_method_types: listOf(text).optional(),
  automatic_payment_methods: automatic.optional(),
  confirm: yesNo.optional(),
  customer: text.optional(),
  description: text.optional(),
  metadata: metadata.optional(),
  payment_method: text.optional(),
  payment_method_data: paymentMethodInput.optional(),
  return_url: webUrl.optional(),
  usage: oneOf('off_session', 'on_session').optional(),
  use_stripe_sdk: yesNo.optional(),
} satisfies ShapeOf<Stripe.SetupIntentCreateParams>

const updateShape = {
  customer: text.optional(),
  description: clearable.optional(),
  metadata: metadata.optional(),
  payment_method: text.optional(),
} satisfies ShapeOf<Stripe.SetupIntentUpdateParams>

const confirmShape = {
  payment_method: text.optional(),
  payment_method_data: paymentMethodInput.optional(),
  return_url: webUrl.optional(),
  use_stripe_sdk: yesNo.optional(),
} satisfies ShapeOf<Stripe.SetupIntentConfirmParams>

const listShape = {
  ...pagination,
  created: range.optional(),
  customer: text.optional(),
  payment_method: text.optional(),
} satisfies ShapeOf<Stripe.SetupIntentListParams>

const browser = { client_secret: text.optional() }

export const setupIntentRoutes = [
  route(
    'POST /v1/setup_intents',
    createShape,
    (call) => {
      const { params } = call
      if (params.customer !== undefined) mustFind(call, 'customer', params.customer, 'customer')
      if (params.return_url !== undefined && !params.confirm)
        throw invalidRequest('The parameter `return_url` can only be used when confirming the SetupIntent.', {
          param: 'return_url',
        })
      const intent = makeSetupIntent(call, {
        customer: params.customer,
        description: params.description,
        metadata: params.metadata ?? {},
        usage: params.usage,
        types: params.payment_method_types ?? params.allowed_payment_method_types,
        automatic: params.automatic_payment_methods ?? undefined,
      })
      const method = methodOf(call, params)
      if (params.confirm) {
        return confirmed(call, intent, method, params.return_url)
      }
      return method ? bind(call, intent, method.id) : intent
    },
    // Before automatic payment methods were the default it was cards.
    { older: { payment_method_types: listOf(text).default(['card']) } },
  ),
  route('GET /v1/setup_intents', listShape, (call) => {
    const { customer, payment_method } = call.params
    return listPage(call, 'setup_intent', '/v1/setup_intents', call.params, {
      equal: { customer, payment_method },
    })
  }),
  route(
    'GET /v1/setup_intents/:id',
    {},
    (call) => {
      const intent = mustFind(call, 'setup_intent', call.id)
      checkClientSecret(call, intent)
      return intent
    },
    { browser },
  ),
  route('POST /v1/setup_intents/:id', updateShape, (call) => {
    const intent = mustFind(call, 'setup_intent', call.id)
    const { customer, description, metadata: given, payment_method: methodId } = call.params
    if (intent.status === 'succeeded' || intent.status === 'canceled') throw wrongState(intent, 'updated')
    if (customer !== undefined) mustFind(call, 'customer', customer, 'customer')
    const method = methodId === undefined ? undefined : methodOf(call, { payment_method: methodId })
    // Stripe has no event for an updated setup intent.
    return call.store.save({
      ...intent,
      customer: customer ?? intent.customer,
      description: description === undefined ? intent.description : description,
      metadata: mergeMetadata(intent.metadata ?? {}, given),
      ...(method && { payment_method: method.id, status: 'requires_confirmation' as const }),
    })
  }),
  route(
    'POST /v1/setup_intents/:id/confirm',
    confirmShape,
    (call) => {
      const intent = mustFind(call, 'setup_intent', call.id)
      checkClientSecret(call, intent)
      const open = ['requires_payment_method', 'requires_confirmation', 'requires_action']
      if (!open.includes(intent.status)) throw wrongState(intent, 'confirmed')
      return confirmed(call, intent, methodOf(call, call.params, intent), call.params.return_url)
    },
    { browser },
  ),
  route(
    'POST /v1/setup_intents/:id/cancel',
    { cancellation_reason: oneOf('abandoned', 'requested_by_customer', 'duplicate').optional() },
    (call) => {
      const intent = mustFind(call, 'setup_intent', call.id)
      if (intent.status === 'succeeded' || intent.status === 'canceled') throw wrongState(intent, 'canceled')
      const canceled = call.store.save({
        ...intent,
        status: 'canceled' as const,
        cancellation_reason: call.params.cancellation_reason ?? null,
        next_action: null,
      })
      call.emit('setup_intent.canceled', canceled)
      return canceled
    },
  ),
]

export function makeSetupIntent(
  turn: Turn,
  input: {
    customer?: string | undefined
    description?: string | undefined
    metadata?: Record<string, string>
    usage?: 'off_session' | 'on_session' | undefined
    types?: string[] | undefined
    automatic?: { enabled: boolean; allow_redirects?: 'always' | 'never' | undefined } | undefined
  },
): Stripe.SetupIntent {
  const id = newId('seti')
  const { enabled = input.types === undefined, allow_redirects: redirects = 'always' } = input.automatic ?? {}
  const intent = turn.store.save({
    id,
    object: 'setup_intent',
    ...none('allowed_payment_method_types application cancellation_reason customer_account'),
    ...none('excluded_payment_method_types flow_directions last_setup_error latest_attempt mandate'),
    ...none('next_action on_behalf_of payment_method payment_method_configuration_details'),
    ...none('single_use_mandate'),
    automatic_payment_methods: enabled ? { allow_redirects: redirects, enabled } : null,
    client_secret: `${id}_secret_${randomLetters(25)}`,
    created: turn.now,
    customer: input.customer ?? null,
    description: input.description ?? null,
    livemode: false,
    metadata: input.metadata ?? {},
    payment_method_options: {
      card: { mandate_options: null, network: null, request_three_d_secure: 'automatic' },
    },
    payment_method_types: input.types ?? ['card'],
    status: 'requires_payment_method',
    usage: input.usage ?? 'off_session',
  })
  turn.emit('setup_intent.created', intent)
  return intent
}

function confirmed(
  turn: Turn & { fromBrowser: boolean },
  intent: Stripe.SetupIntent,
  method: Stripe.PaymentMethod | undefined,
  returnUrl: string | undefined,
): Stripe.SetupIntent {
  if (!method)
    throw invalidRequest(
      "You cannot confirm this SetupIntent because it's missing a payment method. Update the SetupIntent with a payment method and then confirm it again.",
      { code: 'setup_intent_unexpected_state' },
    )
  checkOwner(method, intent)
  checkReturnUrl(turn, intent, returnUrl)
  return confirmSetup(turn, intent, method, returnUrl)
}

function bind(turn: Turn, intent: Stripe.SetupIntent, methodId: string): Stripe.SetupIntent {
  return turn.store.save({ ...intent, payment_method: methodId, status: 'requires_confirmation' })
}

const wrongState = (intent: Stripe.SetupIntent, done: string) =>
  invalidRequest(`This SetupIntent cannot be ${done} because it has a status of ${intent.status}.`, {
    code: 'setup_intent_unexpected_state',
  })
