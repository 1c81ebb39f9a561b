import type Stripe from 'stripe'
import { invalidRequest, missing } from '../objects/errors.ts'
import { idOf } from '../objects/ids.ts'
import { listPage } from '../objects/lists.ts'
import {
  address,
  clearable,
  emptyable,
  hash,
  mergeMetadata,
  metadata,
  oneOf,
  pagination,
  type ShapeOf,
  text,
  whole,
} from '../objects/parameters.ts'
import { route } from '../objects/routes.ts'
import { change, mustFind, type Turn } from '../objects/turn.ts'
import {
  attachPaymentMethod,
  type BillingInput,
  type CardInput,
  checkUsable,
  detachPaymentMethod,
  makePaymentMethod,
  resolvePaymentMethod,
} from './payment-method.ts'

const billingDetails = hash({
  name: clearable.optional(),
  email: clearable.optional(),
  phone: clearable.optional(),
  address: emptyable(address).optional(),
})
const card = hash({
  number: text.optional(),
  token: text.optional(),
  exp_month: whole.optional(),
  exp_year: whole.optional(),
  cvc: text.optional(),
})

/** What Stripe.js sends with a confirmation instead of the id of a payment method. */
export const paymentMethodInput = hash({
  type: oneOf('card'),
  card: card.optional(),
  billing_details: billingDetails.optional(),
  metadata: metadata.optional(),
})

const createShape = {
  type: oneOf('card'),
  card: card.optional(),
  billing_details: billingDetails.optional(),
  metadata: metadata.optional(),
} satisfies ShapeOf<Stripe.PaymentMethodCreateParams>

const updateShape = {
  billing_details: billingDetails.optional(),
  card: hash({ exp_month: whole.optional(), exp_year: whole.optional() }).optional(),
  metadata: metadata.optional(),
} satisfies ShapeOf<Stripe.PaymentMethodUpdateParams>

const listShape = {
  ...pagination,
  customer: text.optional(),
  type: text.optional(),
} satisfies ShapeOf<Stripe.PaymentMethodListParams>

const attachShape = { customer: text } satisfies ShapeOf<Stripe.PaymentMethodAttachParams>

export const paymentMethodRoutes = [
  route(
    'POST /v1/payment_methods',
    createShape,
    (call) => {
      const { card: input, billing_details: billing, metadata: given } = call.params
      if (!input) throw missing('card')
      return makePaymentMethod(call, { card: input, billing, metadata: given })
    },
    { browser: {} },
  ),
  route('GET /v1/payment_methods', listShape, (call) => {
    const { customer, type } = call.params
    // Without a customer Stripe lists nothing that Elements made; here that is every method without an owner.
    return listPage(call, 'payment_method', '/v1/payment_methods', call.params, { equal: { customer, type } })
  }),
  route('GET /v1/payment_methods/:id', {}, (call) => mustFind(call, 'payment_method', call.id)),
  route('POST /v1/payment_methods/:id', updateShape, (call) => {
    const method = mustFind(call, 'payment_method', call.id)
    if (method.customer === null)
      throw invalidRequest('You must save this PaymentMethod to a customer before you can update it.', {
        code: 'payment_method_unexpected_state',
      })
    const { billing_details: billing, card: expiry, metadata: given } = call.params
    const after = {
      ...method,
      billing_details: {
        ...method.billing_details,
        ...(billing as Partial<Stripe.PaymentMethod.BillingDetails>),
      },
      metadata: mergeMetadata(method.metadata ?? {}, given),
      ...(method.card && {
        card: {
          ...method.card,
          exp_month: expiry?.exp_month ?? method.card.exp_month,
          exp_year: expiry?.exp_year ?? method.card.exp_year,
        },
      }),
    }
    return change(call, 'payment_method.updated', method, after)
  }),
  route('POST /v1/payment_methods/:id/attach', attachShape, (call) => {
    const customer = mustFind(call, 'customer', call.params.customer, 'customer')
    return attachPaymentMethod(call, resolvePaymentMethod(call, call.id), customer.id)
  }),
  route('POST /v1/payment_methods/:id/detach', {}, (call) => {
    const method = mustFind(call, 'payment_method', call.id)
    const owner = idOf(method.customer)
    if (owner === null)
      throw invalidRequest(
        'The payment method you provided is not attached to a customer so detachment is impossible.',
      )
    const after = detachPaymentMethod(call, method)
    const customer = call.store.find('customer', owner)
    if (customer && idOf(customer.invoice_settings.default_payment_method) === method.id) {
      const settings = { ...customer.invoice_settings, default_payment_method: null }
      change(call, 'customer.updated', customer, { ...customer, invoice_settings: settings })
    }
    return after
  }),
  route('GET /v1/customers/:id/payment_methods', { ...pagination, type: text.optional() }, (call) => {
    mustFind(call, 'customer', call.id)
    const url = `/v1/customers/${call.id}/payment_methods`
    return listPage(call, 'payment_method', url, call.params, {
      equal: { customer: call.id, type: call.params.type },
    })
  }),
  route('GET /v1/customers/:id/payment_methods/:method', {}, (call) => {
    mustFind(call, 'customer', call.id)
    const method = mustFind(call, 'payment_method', call.subId)
    if (idOf(method.customer) !== call.id)
      throw invalidRequest(`The customer does not have a payment method with the ID ${call.subId}.`, {
        code: 'resource_missing',
      })
    return method
  }),
]

/** The payment method that a confirmation names or brings along, or else the one that its intent has already. */
export function methodOf(
  turn: Turn,
  input: {
    payment_method?: string | undefined
    payment_method_data?:
      | { card?: CardInput | undefined; billing_details?: BillingInput | undefined }
      | undefined
  },
  intent?: { payment_method: string | Stripe.PaymentMethod | null },
): Stripe.PaymentMethod | undefined {
  const { payment_method: id = idOf(intent?.payment_method), payment_method_data: given } = input
  if (given?.card) return makePaymentMethod(turn, { card: given.card, billing: given.billing_details })
  if (id === null) return undefined
  const method = resolvePaymentMethod(turn, id, 'payment_method')
  checkUsable(turn, method)
  return method
}

/** @throws StripeFailure 400 where an intent is to be paid or set up with a payment method of somebody else's */
export function checkOwner(
  method: Stripe.PaymentMethod,
  intent: { object: string; customer: string | { id: string } | null },
): void {
  const [owner, payer] = [idOf(method.customer), idOf(intent.customer)]
  if (owner === null || owner === payer) return
  const name = intent.object === 'setup_intent' ? 'SetupIntent' : 'PaymentIntent'
  throw invalidRequest(
    payer === null
      ? `The PaymentMethod ${method.id} belongs to the Customer ${owner}. Please include the Customer in the \`customer\` parameter on the ${name}.`
      : `The PaymentMethod ${method.id} belongs to another Customer than the ${name}, ${payer}.`,
    { param: 'payment_method' },
  )
}

/**
 * With automatic payment methods the payer may be sent away to pay, and has to come back. Stripe.js needs no URL for a card:
 * it asks in a dialog. @throws StripeFailure 400 without a `return_url`
 */
export function checkReturnUrl(
  { fromBrowser }: { fromBrowser: boolean },
  intent: { automatic_payment_methods: Automatic | null },
  returnUrl: string | undefined,
): void {
  const automatic = intent.automatic_payment_methods
  if (fromBrowser || returnUrl !== undefined || !automatic?.enabled) return
  if (automatic.allow_redirects === 'never') return
  throw invalidRequest(
    'This intent is configured to accept payment methods enabled in your Dashboard. Because some of these payment methods might redirect your customer off of your page, you must provide a `return_url`. If you do not want to accept redirect-based payment methods, set `automatic_payment_methods[allow_redirects]` to `never`.',
    { param: 'return_url' },
  )
}

type Automatic = { enabled: boolean | null; allow_redirects?: string | undefined }
