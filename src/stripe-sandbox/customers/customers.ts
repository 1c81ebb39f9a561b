import type Stripe from 'stripe'
import type { z } from 'zod'
import { nulls } from '../objects/blank.ts'
import { invalidRequest } from '../objects/errors.ts'
import { newId, randomLetters } from '../objects/ids.ts'
import * as p from '../objects/parameters.ts'
import { type Given, removeObject, resource, withGiven } from '../objects/resource.ts'
import { route } from '../objects/routes.ts'
import { mustFind, type Turn } from '../objects/turn.ts'
import { cardOfName } from '../payments/cards.ts'
import {
  attachPaymentMethod,
  detachPaymentMethod,
  ownMethod,
  resolvePaymentMethod,
} from '../payments/payment-method.ts'
import { cancelSubscription } from '../subscriptions/cancel.ts'

const shared = {
  address: p.emptyable(p.address),
  balance: p.whole,
  description: p.clearable,
  email: p.clearable,
  invoice_prefix: p.text,
  invoice_settings: p.hash(p.optional({ default_payment_method: p.clearable, footer: p.clearable })),
  metadata: p.metadata,
  name: p.clearable,
  phone: p.clearable,
  preferred_locales: p.listOf(p.text),
  shipping: p.emptyable(p.hash({ address: p.address, name: p.text, phone: p.clearable.default(null) })),
  source: p.text,
  tax_exempt: p.emptyable(p.oneOf('none', 'exempt', 'reverse')),
  validate: p.yesNo,
} satisfies p.ShapeOf<Stripe.CustomerUpdateParams>

const createShape = p.optional({
  ...shared,
  payment_method: p.text,
  test_clock: p.text,
} satisfies p.ShapeOf<Stripe.CustomerCreateParams>)

const listShape = {
  created: p.range,
  email: p.text,
  test_clock: p.text,
} satisfies p.ShapeOf<Stripe.CustomerListParams>

const customers = resource('customer', '/v1/customers')

export const customerRoutes = [
  customers.create(createShape, (call) => {
    const { payment_method: methodId, invoice_settings: settings, test_clock, ...given } = call.params
    const blank = call.store.save({ ...blankCustomer(call), test_clock: testClockOf(call, test_clock) })
    const attached =
      methodId && attachPaymentMethod(call, resolvePaymentMethod(call, methodId, 'payment_method'), blank.id)
    // A test name stands for a new card at each use; in one request it means the one just attached.
    const sameName = attached && settings?.default_payment_method === methodId && cardOfName(methodId ?? '')
    const chosen = sameName ? attached.id : settings?.default_payment_method
    const fields = fieldsOf(call, blank, {
      ...given,
      invoice_settings: { ...settings, default_payment_method: chosen },
    })
    const customer = call.store.save(withGiven(blank, fields))
    call.emit('customer.created', customer)
    return customer
  }),
  customers.list(listShape, ({ email, test_clock = null }) => ({ equal: { email, test_clock } })),
  route(
    'GET /v1/customers/:id',
    {},
    (call) => call.store.findDeleted('customer', call.id) ?? mustFind(call, 'customer', call.id),
  ),
  customers.update(shared, 'customer.updated', (call, customer) => fieldsOf(call, customer, call.params)),
  route('DELETE /v1/customers/:id', {}, (call) => deleteCustomer(call, mustFind(call, 'customer', call.id))),
]

/** With its subscriptions, which end; its cards are nobody's any more. */
export function deleteCustomer(turn: Turn, customer: Stripe.Customer) {
  for (const subscription of turn.store.all('subscription', { customer: customer.id })) {
    if (subscription.status !== 'canceled' && subscription.status !== 'incomplete_expired')
      cancelSubscription(turn, subscription)
  }
  for (const method of turn.store.all('payment_method', { customer: customer.id }))
    detachPaymentMethod(turn, method)
  return removeObject(turn, customer, 'customer.deleted')
}

function testClockOf(turn: Turn, id: string | undefined): string | null {
  return id === undefined ? null : mustFind(turn, 'test_helpers.test_clock', id, 'test_clock').id
}

const none = nulls<Stripe.Customer>()

function blankCustomer(turn: Turn): Stripe.Customer {
  return {
    id: newId('cus', 14),
    object: 'customer',
    ...none('address currency customer_account default_source description email name phone shipping'),
    ...none('test_clock'),
    balance: 0,
    created: turn.now,
    delinquent: false,
    invoice_prefix: randomLetters(8).toUpperCase(),
    invoice_settings: {
      custom_fields: null,
      default_payment_method: null,
      footer: null,
      rendering_options: null,
    },
    livemode: false,
    metadata: {},
    next_invoice_sequence: 1,
    preferred_locales: [],
    tax_exempt: 'none',
  }
}

type Input = z.output<z.ZodObject<p.OptionalShape<typeof shared>>>

function fieldsOf(turn: Turn, customer: Stripe.Customer, input: Input): Given<Stripe.Customer> {
  const { invoice_settings: settings, source, validate: _ofTheSource, ...fields } = input
  checkEmail(fields.email)
  return {
    ...fields,
    invoice_settings: settingsOf(turn, customer, settings),
    ...(source !== undefined && { default_source: attachSource(turn, source, customer.id) }),
  }
}

function settingsOf(
  turn: Turn,
  customer: Stripe.Customer,
  given:
    | { default_payment_method?: string | null | undefined; footer?: string | null | undefined }
    | undefined,
): Stripe.Customer.InvoiceSettings {
  const before = customer.invoice_settings
  const wanted = given?.default_payment_method
  const footer = given?.footer === undefined ? before.footer : given.footer
  if (wanted === undefined || wanted === null)
    return {
      ...before,
      footer,
      default_payment_method: wanted === null ? null : before.default_payment_method,
    }
  const param = 'invoice_settings[default_payment_method]'
  return { ...before, footer, default_payment_method: ownMethod(turn, wanted, customer.id, param).id }
}

/** Old-style tokens are kept as payment methods. */
function attachSource(turn: Turn, token: string, customerId: string): string {
  return attachPaymentMethod(turn, resolvePaymentMethod(turn, token, 'source'), customerId).id
}

function checkEmail(email: string | null | undefined): void {
  if (typeof email === 'string' && !/^[^\s@]+@[^\s@]+\.?[^\s@]*$/.test(email))
    throw invalidRequest(`Invalid email address: ${email}`, { code: 'email_invalid', param: 'email' })
}
