import { readFile } from 'node:fs/promises'
import Sqlite from 'better-sqlite3'
import Stripe from 'stripe'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { readConfig } from '../src/config.ts'
import type { Reply } from './support/requests.ts'
import { type Service, startService } from './support/service.ts'
import { settled } from './support/wizard.ts'

/** The integration guide's sections, each with its own requests, bodies and replies. */

let service: Service
beforeAll(async () => {
  service = await startService({
    webhooks: true,
    environment: { RETURN_URL_ORIGINS: 'https://your-app.com' },
  })
})
afterAll(() => service.close())

const post = (path: string, body: object) => service.request('POST', path, body)
const get = (path: string) => service.request('GET', path)
/** As the host product's page does at Stripe. Attached alone, no invoice would be paid with the card. */
async function payWith(name: string, customer: string): Promise<void> {
  const { id } = await service.stripe.paymentMethods.attach(name, { customer })
  await service.stripe.customers.update(customer, { invoice_settings: { default_payment_method: id } })
}
const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/

test('environment variables: the thirteen, with their defaults', () => {
  const { stripe, rates, currency, trialPeriodDays } = readConfig({})
  expect(stripe).toMatchObject({ enabled: true, environment: 'test', webhookSecrets: [] })
  expect(rates).toEqual({
    agent: 5000,
    user: 2500,
    case: 1000,
    event_ingestion: 1,
    api_call: 10,
    platform_base: 10000,
  })
  expect([currency, trialPeriodDays]).toEqual(['usd', 14])
  expect(
    readConfig({
      STRIPE_SECRET_KEY: 'sk_test_your_test_secret_key_here',
      STRIPE_PUBLISHABLE_KEY: 'pk_test_your_test_publishable_key_here',
      STRIPE_WEBHOOK_SECRET: 'whsec_your_webhook_secret_here',
    }).stripe,
  ).toMatchObject({ mode: 'stripe', webhookSecrets: ['whsec_your_webhook_secret_here'] })
})

test('database migration: the script makes the seven tables and the log', async () => {
  const database = new Sqlite(':memory:')
  database.exec(await readFile(new URL('../migrations/add_billing_tables.sql', import.meta.url), 'utf8'))
  const tables = database.prepare("select name from sqlite_master where type = 'table'").pluck().all()
  expect(tables).toEqual(
    expect.arrayContaining([
      'billing_customers',
      'billing_subscriptions',
      'billing_invoices',
      'billing_usage_records',
      'billing_payment_methods',
      'billing_discounts',
      'onboarding_sessions',
      'billing_events',
    ]),
  )
  database.close()
})

test('automated onboarding: six steps from registration to ready', async () => {
  const started = await post('/onboarding/start', {
    email: 'customer@example.com',
    name: 'John Doe',
    company_name: 'ACME Corp',
    phone: '+1234567890',
  })
  expect(started.body).toMatchObject({
    success: true,
    data: {
      session_id: expect.stringMatching(uuid),
      tenant_id: expect.stringMatching(/^Jeturing_/),
      status: 'started',
      next_step: 'create_customer',
    },
  })
  const { session_id, tenant_id } = started.body.data
  expect(tenant_id.slice('Jeturing_'.length)).toMatch(uuid)

  const customer = await post('/onboarding/step/create-customer', { session_id })
  expect(customer.body.data).toMatchObject({
    customer_id: expect.stringMatching(/^cus_/),
    status: 'customer_created',
    next_step: 'setup_payment',
  })

  const setup = await post('/onboarding/step/setup-payment', {
    session_id,
    return_url: 'https://your-app.com/onboarding/complete',
  })
  expect(setup.body).toMatchObject({
    success: true,
    data: {
      client_secret: expect.stringMatching(/^seti_/),
      setup_intent_id: expect.stringMatching(/^seti_/),
      status: 'payment_setup',
      next_step: 'select_plan',
    },
  })
  await service.stripe.setupIntents.confirm(setup.body.data.setup_intent_id, {
    payment_method: 'pm_card_visa',
    return_url: 'https://your-app.com/onboarding/complete',
  })

  const plan = await post('/onboarding/step/select-plan', {
    session_id,
    plan_id: 'enterprise',
    price_id: 'price_enterprise_monthly',
    discount_code: 'LAUNCH50',
  })
  expect(plan.body.data).toMatchObject({
    status: 'plan_selected',
    next_step: 'create_subscription',
    amount_cents: 29900,
    discount_cents: 14950,
    amount_after_discount_cents: 14950,
  })

  const subscription = await post('/onboarding/step/create-subscription', { session_id })
  expect(subscription.body.data).toMatchObject({
    status: 'subscription_created',
    next_step: 'complete',
    subscription_id: expect.stringMatching(/^sub_/),
    subscription_status: 'trialing',
  })
  const trialDays = (Date.parse(subscription.body.data.trial_ends_at) - Date.now()) / 86_400_000
  expect(trialDays).toBeCloseTo(14, 1)

  const completed = await post('/onboarding/complete', { session_id })
  expect(completed.body).toMatchObject({
    success: true,
    data: {
      tenant_id,
      customer_id: customer.body.data.customer_id,
      subscription_id: subscription.body.data.subscription_id,
      status: 'completed',
      message: 'Onboarding completed! Your account is ready.',
    },
  })
})

describe('manual billing operations', () => {
  let customer: Reply
  test('create a customer', async () => {
    customer = await post('/billing/customers', {
      tenant_id: 'Jeturing_123',
      email: 'customer@example.com',
      name: 'John Doe',
    })
    expect(customer).toMatchObject({
      status: 200,
      body: {
        success: true,
        data: { tenant_id: 'Jeturing_123', customer_id: expect.stringMatching(/^cus_/) },
      },
    })
    const read = await get('/billing/customers/tenant/Jeturing_123')
    expect(read.body.data).toMatchObject({ email: 'customer@example.com', name: 'John Doe' })
  })

  test('create a subscription with a trial and a discount', async () => {
    const { customer_id } = customer.body.data
    await payWith('pm_card_visa', customer_id)
    const subscription = await post('/billing/subscriptions', {
      tenant_id: 'Jeturing_123',
      customer_id,
      price_id: 'price_professional_monthly',
      trial_period_days: 14,
      discount_code: 'LAUNCH50',
    })
    expect(subscription).toMatchObject({
      status: 200,
      body: { success: true, data: { tenant_id: 'Jeturing_123', customer_id, status: 'trialing' } },
    })
  })

  test.each([
    ['agent', 5000],
    ['user', 2500],
    ['case', 1000],
    ['event_ingestion', 1],
    ['platform_base', 10000],
  ])('record usage of the type %s, priced at %i cents each', async (usage_type, rate) => {
    const recorded = await post('/billing/usage', {
      tenant_id: 'Jeturing_123',
      usage_type,
      quantity: 1,
      metadata: { case_id: 'IR-2024-001' },
    })
    expect(recorded).toMatchObject({ status: 200, body: { data: { usage_type, quantity: 1 } } })
    expect(await unitsOf(usage_type)).toMatchObject({ quantity: 1, amount_cents: rate })
  })

  test('record usage of the type api_call, priced at 10 cents for 1000', async () => {
    await post('/billing/usage', { tenant_id: 'Jeturing_123', usage_type: 'api_call', quantity: 1500 })
    expect(await unitsOf('api_call')).toMatchObject({ quantity: 1500, amount_cents: 15 })
  })

  const unitsOf = async (usageType: string) => {
    const { body } = await get('/billing/usage/tenant/Jeturing_123/summary')
    return body.data.usage.find((line: { usage_type: string }) => line.usage_type === usageType)
  }

  test('the usage summary of a period', async () => {
    const query = '?period_start=2024-01-01T00:00:00Z&period_end=2024-01-31T23:59:59Z'
    const summary = await get(`/billing/usage/tenant/Jeturing_123/summary${query}`)
    expect(summary).toMatchObject({ status: 200, body: { data: { totals: { amount_cents: 0 } } } })
  })

  test('the billing status: these ten fields, bare, and all true', async () => {
    // The card became the default in the second in which the customer was made: Stripe is asked which is true.
    await settled(service)
    const { status, body } = await get('/billing/status/tenant/Jeturing_123')
    expect(status).toBe(200)
    const { customer_id } = customer.body.data
    expect(body).toEqual({
      tenant_id: 'Jeturing_123',
      customer_id,
      has_active_subscription: true,
      subscription_status: 'trialing',
      trial_ends_at: expect.stringMatching(/Z$/),
      current_period_end: body.trial_ends_at,
      is_delinquent: false,
      outstanding_balance_cents: 0,
      // Half of 9900, the platform base, and what was used above.
      next_invoice_amount_cents: 4950 + 10000 + (5000 + 2500 + 1000 + 1 + 10000 + 15),
      payment_method_configured: true,
    })
  })
})

describe('webhook events', () => {
  const secret = () => service.context.config.stripe.webhookSecrets[0] ?? ''
  const deliver = async (type: string, object: object, created: number) => {
    const payload = JSON.stringify({
      id: `evt_${type}_${created}`,
      object: 'event',
      type,
      created,
      livemode: false,
      api_version: Stripe.API_VERSION,
      data: { object },
    })
    const signature = Stripe.webhooks.generateTestHeaderString({
      payload,
      secret: secret(),
      timestamp: nowSeconds(),
    })
    return service.request('POST', '/billing/webhooks', payload, {
      key: '',
      headers: { 'Stripe-Signature': signature },
    })
  }
  const nowSeconds = () => Math.floor(service.context.now().getTime() / 1000)

  test.each(['subscription', 'customer.subscription'])(
    '%s.created, updated and deleted save, update and end the subscription',
    async (prefix) => {
      const tenant = `Jeturing_${prefix.replace('.', '_')}`
      const { body } = await post('/billing/customers', {
        tenant_id: tenant,
        email: 'w@example.com',
        name: 'W',
      })
      const subscription = await service.stripe.subscriptions.create({
        customer: body.data.customer_id,
        items: [{ price: 'price_basic_monthly' }],
        trial_period_days: 7,
      })
      await service.sandbox.deliverDue()
      const at = nowSeconds() + 5
      for (const [index, [type, status]] of [
        ['created', 'trialing'],
        ['updated', 'past_due'],
        ['deleted', 'canceled'],
      ].entries()) {
        const reply = await deliver(`${prefix}.${type}`, { ...subscription, status }, at + index)
        expect(reply).toMatchObject({ status: 200, body: { received: true } })
        const read = await get(`/billing/subscriptions/tenant/${tenant}`)
        expect(read.body.data).toMatchObject({ subscription_id: subscription.id, status })
      }
    },
  )

  test('invoice.payment_failed makes the tenant delinquent; invoice.paid ends that and marks its usage as billed', async () => {
    const tenant = 'Jeturing_invoices'
    const { body } = await post('/billing/customers', {
      tenant_id: tenant,
      email: 'i@example.com',
      name: 'I',
    })
    const { customer_id } = body.data
    await payWith('pm_card_chargeCustomerFail', customer_id)
    await post('/billing/subscriptions', {
      tenant_id: tenant,
      customer_id,
      price_id: 'price_basic_monthly',
      trial_period_days: 14,
    })
    await post('/billing/usage', { tenant_id: tenant, usage_type: 'case', quantity: 2 })
    const usedFrom = new Date(nowSeconds() * 1000 - 60_000).toISOString()
    const status = async () => (await get(`/billing/status/tenant/${tenant}`)).body
    const renewal = async () => (await get(`/billing/invoices/tenant/${tenant}`)).body.data.items[0]
    const billed = async () => {
      const period = `period_start=${usedFrom}&period_end=${(await renewal()).period_end}`
      const { body } = await get(`/billing/usage/tenant/${tenant}/summary?${period}`)
      return body.data.totals
    }
    // The plan, the platform base and two cases.
    const total_cents = 4900 + 10_000 + 2000

    const boundary = Date.parse((await status()).trial_ends_at) / 1000
    await service.sandbox.clock.advanceTo(boundary)
    expect(await renewal()).toMatchObject({ status: 'draft', billing_reason: 'subscription_cycle' })
    expect(await status()).toMatchObject({ subscription_status: 'active', is_delinquent: false })

    await service.sandbox.clock.advanceTo(boundary + 3600)
    expect(await renewal()).toMatchObject({ status: 'open', total_cents })
    expect(await status()).toMatchObject({
      subscription_status: 'past_due',
      is_delinquent: true,
      outstanding_balance_cents: total_cents,
    })
    expect(await billed()).toMatchObject({ billed_amount_cents: 0, unbilled_amount_cents: 2000 })

    await payWith('pm_card_visa', customer_id)
    await service.sandbox.clock.advanceTo(boundary + 4 * 86_400)
    expect(await renewal()).toMatchObject({ status: 'paid', total_cents })
    expect(await status()).toMatchObject({
      subscription_status: 'active',
      is_delinquent: false,
      outstanding_balance_cents: 0,
    })
    expect(await billed()).toMatchObject({ billed_amount_cents: 2000, unbilled_amount_cents: 0 })
  })

  test('a wrong signature is refused, and nothing is stored', async () => {
    const reply = await service.request('POST', '/billing/webhooks', '{}', {
      key: '',
      headers: { 'Stripe-Signature': `t=${nowSeconds()},v1=00` },
    })
    expect(reply).toMatchObject({ status: 400, body: { error: { code: 'invalid_signature' } } })
  })
})

test('discounts: create a coupon and read it', async () => {
  const created = await post('/billing/discounts', {
    code: 'SUMMER2024',
    percent_off: 25.0,
    duration: 'repeating',
    duration_in_months: 3,
    max_redemptions: 100,
  })
  const terms = {
    code: 'SUMMER2024',
    percent_off: 25,
    duration: 'repeating',
    duration_in_months: 3,
    max_redemptions: 100,
    times_redeemed: 0,
  }
  expect(created).toMatchObject({ status: 200, body: { success: true, data: terms } })
  expect(await get('/billing/discounts/SUMMER2024')).toMatchObject({
    status: 200,
    body: { success: true, data: terms },
  })
})

test.each([
  ['4242424242424242', 'succeeded'],
  ['4000000000000002', 'card_declined'],
  ['4000002500003155', 'requires_action'],
])('the test card %s ends in %s', async (number, outcome) => {
  const customer = await service.stripe.customers.create({ email: 'cards@example.com' })
  const intent = await service.stripe.setupIntents.create({ customer: customer.id })
  const confirmed = service.stripe.paymentMethods
    .create({ type: 'card', card: { number, exp_month: 12, exp_year: 2040, cvc: '123' } })
    .then(({ id }) =>
      service.stripe.setupIntents.confirm(intent.id, {
        payment_method: id,
        return_url: 'https://your-app.com',
      }),
    )
  const result = await confirmed.then(
    ({ status }) => status,
    (error) => error.code,
  )
  expect(result).toBe(outcome)
})
