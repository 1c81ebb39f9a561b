import { afterEach, beforeEach, expect, test } from 'vitest'
import { type JsonObject, takeApart } from '../../src/log/take-apart.ts'
import { record } from '../../src/projections/record.ts'
import type { StripeObjectType } from '../../src/stripe/object-types.ts'
import { type Service, startService } from '../support/service.ts'

let service: Service
beforeEach(async () => {
  service = await startService()
})
afterEach(() => service.close())

const base = 10_000
const status = async (of = service) => (await of.request('GET', '/billing/status/tenant/tenant_a')).body

async function customer(): Promise<string> {
  const body = { tenant_id: 'tenant_a', email: 'a@example.com', name: 'A' }
  return (await service.request('POST', '/billing/customers', body)).body.data.customer_id
}
async function subscribe(more: object = {}) {
  const body = {
    tenant_id: 'tenant_a',
    customer_id: await customer(),
    price_id: 'price_basic_monthly',
    payment_method_id: 'pm_card_visa',
    ...more,
  }
  const reply = await service.request('POST', '/billing/subscriptions', body)
  expect(reply.status).toBe(200)
  return reply.body.data
}

/** What Stripe would tell by itself as time goes by. */
async function observe(object_type: StripeObjectType, object: { id: string } & Record<string, unknown>) {
  const now = new Date().toISOString()
  const as_of = Math.floor(Date.now() / 1000) + 10
  const { safe, texts } = takeApart(object as JsonObject)
  await service.context.db.transact((trx) =>
    record(
      trx,
      'billing-tenant_a',
      'any',
      [
        {
          fact_id: `seen-${object.id}-${Math.random()}`,
          type: 'stripe.object_observed',
          tenant_id: 'tenant_a',
          data: {
            object_type,
            object_id: object.id,
            as_of,
            is_deleted: false,
            object: safe,
            personal: texts,
          },
          metadata: { actor: 'worker' },
          occurred_at: now,
        },
      ],
      now,
    ),
  )
}
const openInvoice = (id: string, remaining: number, more: object = {}) =>
  observe('invoice', {
    id,
    object: 'invoice',
    created: 1_700_000_000,
    customer: 'cus_1',
    status: 'open',
    currency: 'usd',
    total: 5000,
    amount_due: 5000,
    amount_paid: 5000 - remaining,
    amount_remaining: remaining,
    ...more,
  })

test('a tenant in trial: the ten fields, bare', async () => {
  const { current_period_end, customer_id } = await subscribe({ trial_period_days: 14 })
  expect(await status()).toEqual({
    tenant_id: 'tenant_a',
    customer_id,
    has_active_subscription: true,
    subscription_status: 'trialing',
    trial_ends_at: current_period_end,
    current_period_end,
    is_delinquent: false,
    outstanding_balance_cents: 0,
    next_invoice_amount_cents: 4900 + base,
    payment_method_configured: true,
  })
})

test('a known tenant without a customer has nothing', async () => {
  const applicant = { email: 'a@example.com', name: 'A', company_name: 'ACME' }
  const { tenant_id } = (await service.request('POST', '/onboarding/start', applicant)).body.data
  expect((await service.request('GET', `/billing/status/tenant/${tenant_id}`)).body).toEqual({
    tenant_id,
    customer_id: null,
    has_active_subscription: false,
    subscription_status: null,
    trial_ends_at: null,
    current_period_end: null,
    is_delinquent: false,
    outstanding_balance_cents: 0,
    next_invoice_amount_cents: null,
    payment_method_configured: false,
  })
})

test('an unknown tenant is 404', async () => {
  expect((await service.request('GET', '/billing/status/tenant/nobody')).status).toBe(404)
})

test('a discount for once lowers the first paid invoice, and no later one', async () => {
  await subscribe({ trial_period_days: 14, discount_code: 'LAUNCH50' })
  expect((await status()).next_invoice_amount_cents).toBe(2450 + base)
})

test('a discount for once that the first invoice has used up lowers nothing more', async () => {
  await subscribe({ discount_code: 'LAUNCH50' })
  const [invoice] = (await service.request('GET', '/billing/invoices/tenant/tenant_a')).body.data.items
  expect(invoice.total_cents).toBe(2450 + base)
  expect((await status()).next_invoice_amount_cents).toBe(4900 + base)
})

test('a lasting discount lowers the plan alone, and one that ends before the next invoice nothing', async () => {
  await service.request('POST', '/billing/discounts', {
    code: 'EVER',
    percent_off: 12.5,
    duration: 'forever',
  })
  const { subscription_id } = await subscribe({ discount_code: 'EVER' })
  const usage = { tenant_id: 'tenant_a', usage_type: 'case', quantity: 2 }
  expect((await service.request('POST', '/billing/usage', usage)).status).toBe(200)
  // 612.5 cents off, rounded half up.
  expect((await status()).next_invoice_amount_cents).toBe(4900 - 613 + base + 2000)

  const object = await service.stripe.subscriptions.retrieve(subscription_id, {
    expand: ['discounts.source.coupon'],
  })
  const [discount] = JSON.parse(JSON.stringify(object.discounts))
  const end = (object.items.data[0]?.current_period_end ?? 0) - 1
  await observe('subscription', {
    ...JSON.parse(JSON.stringify(object)),
    discounts: [{ ...discount, end }],
  })
  expect((await status()).next_invoice_amount_cents).toBe(4900 + base + 2000)
})

test('what will not renew has no next invoice', async () => {
  const { subscription_id } = await subscribe()
  await service.request('POST', `/billing/subscriptions/${subscription_id}/cancel`)
  expect(await status()).toMatchObject({ has_active_subscription: true, next_invoice_amount_cents: null })
  await service.request('POST', `/billing/subscriptions/${subscription_id}/cancel`, { at_period_end: false })
  expect(await status()).toMatchObject({
    has_active_subscription: false,
    subscription_status: 'canceled',
    next_invoice_amount_cents: null,
  })
})

test('what is left of an open invoice is outstanding, and its tenant delinquent, once a payment of it failed', async () => {
  await subscribe()
  await openInvoice('in_1', 3000)
  await openInvoice('in_2', 5000)
  await openInvoice('in_3', 5000, { status: 'uncollectible' })
  expect(await status()).toMatchObject({ outstanding_balance_cents: 0, is_delinquent: false })
  await openInvoice('in_2', 5000, { attempted: true, attempt_count: 1 })
  expect(await status()).toMatchObject({ outstanding_balance_cents: 5000, is_delinquent: true })
})

test('a first payment that waits for the customer is outstanding and not delinquent', async () => {
  await subscribe({ payment_method_id: 'pm_card_authenticationRequiredOnSetup' })
  expect(await status()).toMatchObject({
    has_active_subscription: false,
    subscription_status: 'incomplete',
    outstanding_balance_cents: 4900 + base,
    is_delinquent: false,
  })
})

test('a subscription that is past due is delinquent', async () => {
  const { subscription_id } = await subscribe()
  const object = JSON.parse(JSON.stringify(await service.stripe.subscriptions.retrieve(subscription_id)))
  await observe('subscription', { ...object, status: 'past_due' })
  expect(await status()).toMatchObject({ is_delinquent: true, has_active_subscription: true })
})

test('a card that is removed is no configured one, whoever still names it', async () => {
  const { customer_id, subscription_id } = await subscribe()
  expect((await status()).payment_method_configured).toBe(true)
  const subscription = await service.stripe.subscriptions.retrieve(subscription_id)
  const id = String(subscription.default_payment_method)
  const other = await service.stripe.paymentMethods.attach('pm_card_mastercard', { customer: customer_id })
  await service.stripe.paymentMethods.detach(id)
  await observe('payment_method', { id, object: 'payment_method', type: 'card', created: 1, customer: null })
  expect((await status()).payment_method_configured).toBe(false)
  // One that is attached and that no invoice is paid with.
  await observe('payment_method', JSON.parse(JSON.stringify(other)))
  expect((await status()).payment_method_configured).toBe(false)
  await observe('customer', {
    ...JSON.parse(JSON.stringify(await service.stripe.customers.retrieve(customer_id))),
    invoice_settings: { default_payment_method: other.id },
  })
  expect((await status()).payment_method_configured).toBe(true)
})

test('a card whose month is over pays no more, until Stripe says that it was renewed or another one is named', async () => {
  const { customer_id, subscription_id } = await subscribe()
  const { default_payment_method } = await service.stripe.subscriptions.retrieve(subscription_id)
  const card = { id: String(default_payment_method), object: 'payment_method', type: 'card', created: 1 }
  const expires = (exp_month: number, exp_year: number) =>
    observe('payment_method', {
      ...card,
      customer: customer_id,
      card: { brand: 'visa', exp_month, exp_year },
    })
  const now = service.context.now()
  await expires(now.getUTCMonth() + 1, now.getUTCFullYear())
  expect((await status()).payment_method_configured).toBe(true)
  await expires(1, now.getUTCFullYear() - 1)
  expect((await status()).payment_method_configured).toBe(false)
  const listed = await service.request('GET', '/billing/payment-methods/tenant/tenant_a')
  expect(listed.body.data.items).toMatchObject([{ is_default: true, is_expired: true }])
  // What Stripe learns of the network's new expiry: `payment_method.automatically_updated`.
  await expires(1, now.getUTCFullYear() + 1)
  expect((await status()).payment_method_configured).toBe(true)
})

test('without Stripe the reads are the same', async () => {
  await subscribe({ trial_period_days: 14 })
  const expected = await status()
  const { directory, sandbox } = service
  const offline = await startService({ directory, sandbox, environment: { STRIPE_ENABLED: 'false' } })
  try {
    expect(await status(offline)).toEqual(expected)
    for (const path of ['customers', 'subscriptions', 'invoices', 'payment-methods'])
      expect((await offline.request('GET', `/billing/${path}/tenant/tenant_a`)).status).toBe(200)
    expect((await offline.request('GET', '/billing/plans')).body.data.items).toHaveLength(3)
    const body = { tenant_id: 'tenant_b', email: 'b@example.com', name: 'B' }
    const refused = await offline.request('POST', '/billing/customers', body)
    expect(refused.status).toBe(503)
    expect(refused.body.error.code).toBe('stripe_disabled')
    expect(refused.headers.get('Retry-After')).not.toBeNull()
  } finally {
    await offline.close()
  }
})
