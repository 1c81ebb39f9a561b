import type Stripe from 'stripe'
import { invalidRequest } from '../objects/errors.ts'
import { newId, randomLetters } from '../objects/ids.ts'
import { listPage } from '../objects/lists.ts'
import {
  address,
  clearable,
  emptyable,
  hash,
  listOf,
  mergeMetadata,
  metadata,
  oneOf,
  pagination,
  range,
  type ShapeOf,
  text,
  whole,
  yesNo,
} from '../objects/parameters.ts'
import { type Call, route } from '../objects/routes.ts'
import { change, mustFind, type Turn } from '../objects/turn.ts'
import { cardOfName } from '../payments/cards.ts'
import {
  attachPaymentMethod,
  detachPaymentMethod,
  ownMethod,
  resolvePaymentMethod,
} from '../payments/payment-method.ts'
import { cancelSubscription } from '../subscriptions/subscription-end.ts'

const shared = {
  address: emptyable(address).optional(),
  balance: whole.optional(),
  description: clearable.optional(),
  email: clearable.optional(),
  invoice_prefix: text.optional(),
  invoice_settings: hash({
    default_payment_method: clearable.optional(),
    footer: clearable.optional(),
  }).optional(),
  metadata: metadata.optional(),
  name: clearable.optional(),
  phone: clearable.optional(),
  preferred_locales: listOf(text).optional(),
  shipping: emptyable(hash({ address, name: text, phone: clearable.optional() })).optional(),
  source: text.optional(),
  tax_exempt: emptyable(oneOf('none', 'exempt', 'reverse')).optional(),
  validate: yesNo.optional(),
} satisfies ShapeOf<Stripe.CustomerUpdateParams>

const createShape = {
  ...shared,
  payment_method: text.optional(),
  test_clock: text.optional(),
} satisfies ShapeOf<Stripe.CustomerCreateParams>
const listShape = {
  ...pagination,
  created: range.optional(),
  email: text.optional(),
  test_clock: text.optional(),
} satisfies ShapeOf<Stripe.CustomerListParams>

type Changes = Call<Partial<Stripe.Customer>>['params']

export const customerRoutes = [
  route('POST /v1/customers', createShape, (call) => {
    const { payment_method: methodId, invoice_settings: settings, source, metadata: given } = call.params
    checkEmail(call.params.email)
    const blank = call.store.save({
      ...blankCustomer(call, call.params.invoice_prefix),
      test_clock: testClockOf(call, call.params.test_clock),
    })
    const attached =
      methodId && attachPaymentMethod(call, resolvePaymentMethod(call, methodId, 'payment_method'), blank.id)
    // A test name stands for a new card at each use; in one request it means the one just attached.
    const sameName = attached && settings?.default_payment_method === methodId && cardOfName(methodId ?? '')
    const chosen = sameName ? attached.id : settings?.default_payment_method
    const customer = call.store.save({
      ...blank,
      ...plainFields(call.params),
      metadata: mergeMetadata({}, given),
      invoice_settings: settingsOf(call, blank, { ...settings, default_payment_method: chosen }),
      ...(source !== undefined && { default_source: attachSource(call, source, blank.id) }),
    })
    call.emit('customer.created', customer)
    return customer
  }),
  route('GET /v1/customers', listShape, (call) =>
    listPage(call, 'customer', '/v1/customers', call.params, {
      equal: { email: call.params.email, test_clock: call.params.test_clock ?? null },
    }),
  ),
  route('GET /v1/customers/:id', {}, (call) => {
    return call.store.findDeleted('customer', call.id) ?? mustFind(call, 'customer', call.id)
  }),
  route('POST /v1/customers/:id', shared, (call) => {
    const customer = mustFind(call, 'customer', call.id)
    const { invoice_settings: settings, source, metadata: given } = call.params
    checkEmail(call.params.email)
    return change(call, 'customer.updated', customer, {
      ...customer,
      ...plainFields(call.params),
      metadata: mergeMetadata(customer.metadata, given),
      invoice_settings: settingsOf(call, customer, settings),
      ...(source !== undefined && { default_source: attachSource(call, source, customer.id) }),
    })
  }),
  route('DELETE /v1/customers/:id', {}, (call) => deleteCustomer(call, mustFind(call, 'customer', call.id))),
]

/** With its subscriptions, which end; its cards are nobody's any more. */
export function deleteCustomer(turn: Turn, customer: Stripe.Customer): Stripe.DeletedCustomer {
  for (const subscription of turn.store.all('subscription', { customer: customer.id })) {
    if (subscription.status !== 'canceled' && subscription.status !== 'incomplete_expired')
      cancelSubscription(turn, subscription)
  }
  for (const method of turn.store.all('payment_method', { customer: customer.id }))
    detachPaymentMethod(turn, method)
  const stub = { id: customer.id, object: 'customer', deleted: true } satisfies Stripe.DeletedCustomer
  turn.store.remove(customer, stub)
  turn.emit('customer.deleted', customer)
  return stub
}

function testClockOf(turn: Turn, id: string | undefined): string | null {
  return id === undefined ? null : mustFind(turn, 'test_helpers.test_clock', id, 'test_clock').id
}

function blankCustomer(turn: Turn, prefix = randomLetters(8).toUpperCase()): Stripe.Customer {
  return {
    id: newId('cus', 14),
    object: 'customer',
    address: null,
    balance: 0,
    created: turn.now,
    currency: null,
    customer_account: null,
    default_source: null,
    delinquent: false,
    description: null,
    email: null,
    invoice_prefix: prefix,
    invoice_settings: {
      custom_fields: null,
      default_payment_method: null,
      footer: null,
      rendering_options: null,
    },
    livemode: false,
    metadata: {},
    name: null,
    next_invoice_sequence: 1,
    phone: null,
    preferred_locales: [],
    shipping: null,
    tax_exempt: 'none',
    test_clock: null,
  }
}

/** The fields that are stored as they came. */
function plainFields(params: object): Changes {
  const names = [
    'address',
    'balance',
    'description',
    'email',
    'invoice_prefix',
    'name',
    'phone',
    'preferred_locales',
    'shipping',
    'tax_exempt',
  ] as const
  const given = params as Record<string, unknown>
  return Object.fromEntries(
    names.filter((name) => given[name] !== undefined).map((name) => [name, given[name]]),
  )
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
