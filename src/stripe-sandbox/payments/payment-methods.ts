import type Stripe from 'stripe'
import { invalidRequest, missing } from '../objects/errors.ts'
import { idOf } from '../objects/ids.ts'
import { listPage } from '../objects/lists.ts'
import * as p from '../objects/parameters.ts'
import { definedOf, resource } from '../objects/resource.ts'
import { route } from '../objects/routes.ts'
import { change, mustFind } from '../objects/turn.ts'
import {
  attachPaymentMethod,
  detachPaymentMethod,
  makePaymentMethod,
  resolvePaymentMethod,
} from './payment-method.ts'

const billingDetails = p.hash(
  p.optional({ name: p.clearable, email: p.clearable, phone: p.clearable, address: p.emptyable(p.address) }),
)

const createShape = {
  type: p.oneOf('card'),
  ...p.optional({
    card: p.hash(
      p.optional({ number: p.text, token: p.text, exp_month: p.whole, exp_year: p.whole, cvc: p.text }),
    ),
    billing_details: billingDetails,
    metadata: p.metadata,
  } satisfies p.ShapeOf<Stripe.PaymentMethodCreateParams>),
}

/** What Stripe.js sends with a confirmation instead of the id of a payment method. */
export const paymentMethodInput = p.hash(createShape)

const updateShape = {
  billing_details: billingDetails,
  card: p.hash(p.optional({ exp_month: p.whole, exp_year: p.whole })),
  metadata: p.metadata,
} satisfies p.ShapeOf<Stripe.PaymentMethodUpdateParams>

const listShape = { customer: p.text, type: p.text } satisfies p.ShapeOf<Stripe.PaymentMethodListParams>

const attachShape = { customer: p.text } satisfies p.ShapeOf<Stripe.PaymentMethodAttachParams>

const methods = resource('payment_method', '/v1/payment_methods')

export const paymentMethodRoutes = [
  methods.create(
    createShape,
    (call) => {
      const { card, billing_details: billing, metadata } = call.params
      if (!card) throw missing('card')
      return makePaymentMethod(call, { card, billing, metadata })
    },
    { browser: {} },
  ),
  // Without a customer Stripe lists nothing that Elements made; here that is every method without an owner.
  methods.list(listShape),
  methods.retrieve(),
  methods.update(updateShape, 'payment_method.updated', (call, method) => {
    if (method.customer === null)
      throw invalidRequest('You must save this PaymentMethod to a customer before you can update it.', {
        code: 'payment_method_unexpected_state',
      })
    const { billing_details: billing, card: expiry, metadata } = call.params
    return {
      metadata,
      billing_details: { ...method.billing_details, ...definedOf(billing) },
      ...(method.card && { card: { ...method.card, ...definedOf(expiry) } }),
    }
  }),
  // A name such as `pm_card_visa` makes a payment method here too.
  route('POST /v1/payment_methods/:id/attach', attachShape, (call) => {
    const customer = mustFind(call, 'customer', call.params.customer, 'customer')
    return attachPaymentMethod(call, resolvePaymentMethod(call, call.id), customer.id)
  }),
  methods.act('detach', {}, (call, method) => {
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
  route('GET /v1/customers/:id/payment_methods', p.optional({ ...p.pagination, type: p.text }), (call) => {
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
