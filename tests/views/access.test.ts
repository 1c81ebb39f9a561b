import { afterEach, beforeEach, expect, test } from 'vitest'
import { readFacts } from '../../src/log/read.ts'
import { verifyTables } from '../../src/projections/replay.ts'
import { type Service, startService } from '../support/service.ts'
import { settled, type Wizard, wizard } from '../support/wizard.ts'

let service: Service
let tenant: Wizard
beforeEach(async () => {
  service = await startService({ webhooks: true, environment: { BILLING_TRIAL_PERIOD_DAYS: '0' } })
  tenant = wizard(service)
})
afterEach(() => service.close())

const day = 86_400
const seconds = () => Math.ceil(service.sandbox.clock.nowMs() / 1000)
const pass = (length: number) => service.sandbox.clock.advanceTo(seconds() + length)
const path = () => `/billing/access/tenant/${tenant.of.tenantId}`
const shown = async () => (await service.request('GET', path())).body.data
const isoAt = (at: number) => new Date(at * 1000).toISOString()

async function changes() {
  const filter = { tenantId: tenant.of.tenantId, type: 'access.changed' }
  const facts = await Array.fromAsync(readFacts(service.context.db.reader, filter))
  return facts.map(({ data, occurred_at }) => ({ ...data, occurred_at }))
}

/** As the customer does in Stripe's portal. */
async function payWith(card: string): Promise<string> {
  const { customerId: customer, subscriptionId } = tenant.of
  const { id } = await service.stripe.paymentMethods.attach(card, { customer })
  await service.stripe.customers.update(customer, { invoice_settings: { default_payment_method: id } })
  await service.stripe.subscriptions.update(subscriptionId, { default_payment_method: id })
  return id
}

async function payAll(payment_method: string): Promise<void> {
  const open = await service.stripe.invoices.list({ customer: tenant.of.customerId, status: 'open' })
  for (const { id } of open.data) await service.stripe.invoices.pay(id, { payment_method })
  await settled(service)
}

/** The renewal fails. Answers when grace ends. */
async function failRenewal(): Promise<string> {
  await payWith('pm_card_chargeCustomerFail')
  await pass(31 * day + 2 * 3600)
  const [failing] = (await service.request('GET', `/billing/invoices/tenant/${tenant.of.tenantId}`)).body.data
    .items
  expect(failing.status).toBe('open')
  const { since } = await service.context.db.reader
    .selectFrom('billing_invoices')
    .select('payment_failed_at as since')
    .where('invoice_id', '=', failing.invoice_id)
    .executeTakeFirstOrThrow()
  return isoAt(Date.parse(since ?? '') / 1000 + 14 * day)
}

test('a card fails: grace; it is paid again: full at once; each change is a fact', async () => {
  await tenant.to('createSubscription')
  await settled(service)
  expect(await shown()).toEqual({
    tenant_id: tenant.of.tenantId,
    access: 'full',
    since: expect.any(String),
    until: null,
    reason: 'subscription_active',
    subscription_status: 'active',
    plan_id: 'basic',
    position: expect.any(Number),
  })
  const until = await failRenewal()
  expect(await shown()).toMatchObject({ access: 'grace', until, reason: 'payment_failed' })
  await payAll(await payWith('pm_card_visa'))
  expect(await shown()).toMatchObject({ access: 'full', until: null, reason: 'subscription_active' })
  expect(await changes()).toMatchObject([
    { access: 'full', from: 'none', reason: 'subscription_active', until: null },
    { access: 'grace', from: 'full', reason: 'payment_failed', until },
    { access: 'full', from: 'grace', reason: 'subscription_active', until: null, failing_since: null },
  ])
  expect((await verifyTables(service.context.db)).ok).toBe(true)
})

test('nobody pays: suspended at the very second, by the reply and by the log', async () => {
  await tenant.to('createSubscription')
  const until = await failRenewal()
  const end = Date.parse(until) / 1000
  await service.sandbox.clock.advanceTo(end - 1)
  expect(await shown()).toMatchObject({ access: 'grace', until })
  await service.sandbox.clock.advanceTo(end)
  const { access, reason } = await shown()
  expect(['grace_over', 'unpaid', 'ended']).toContain(reason)
  expect(access).toBe('suspended')
  expect((await changes()).at(-1)).toMatchObject({
    access: 'suspended',
    from: 'grace',
    until: null,
    occurred_at: until,
  })
  expect((await verifyTables(service.context.db)).ok).toBe(true)
})

test('the reply does not wait for a timer: a service that was away says the same', async () => {
  await tenant.to('createSubscription')
  const until = await failRenewal()
  const late = await startService({
    directory: service.directory,
    sandbox: service.sandbox,
    now: () => new Date(until),
  })
  expect((await late.request('GET', path())).body.data).toMatchObject({ access: 'suspended', until: null })
  const early = await startService({
    directory: service.directory,
    sandbox: service.sandbox,
    now: () => new Date(Date.parse(until) - 1),
  })
  expect((await early.request('GET', path())).body.data).toMatchObject({ access: 'grace', until })
  await late.close()
  await early.close()
})

test('what ends with its period is full until then, and suspended from then on', async () => {
  await tenant.to('createSubscription')
  const { body } = await service.request('POST', `/billing/subscriptions/${tenant.of.subscriptionId}/cancel`)
  const until = body.data.current_period_end
  expect(await shown()).toMatchObject({ access: 'full', until, reason: 'ends_at_period_end' })
  await service.sandbox.clock.advanceTo(Date.parse(until) / 1000)
  expect(await shown()).toMatchObject({ access: 'suspended', until: null, reason: 'ended' })
})

test('an invoice of our own that fails counts like any', async () => {
  tenant = wizard(service, { choice: { plan_id: 'basic', price_id: 'price_basic_yearly' } })
  await tenant.to('createSubscription')
  await service.request('POST', '/billing/usage', {
    tenant_id: tenant.of.tenantId,
    usage_type: 'case',
    quantity: 1,
  })
  await payWith('pm_card_chargeCustomerFail')
  await pass(31 * day + 3 * 3600)
  expect(await shown()).toMatchObject({
    access: 'grace',
    reason: 'payment_failed',
    subscription_status: 'active',
  })
  const status = await service.request('GET', `/billing/status/tenant/${tenant.of.tenantId}`)
  expect(status.body).toMatchObject({ is_delinquent: true, outstanding_balance_cents: 11_000 })
  await payAll(await payWith('pm_card_visa'))
  expect(await shown()).toMatchObject({ access: 'full', reason: 'subscription_active' })
})

test('a tenant sees its own access alone, and an unknown one is 404', async () => {
  await tenant.to('createSubscription')
  const own = await service.tenantKey(tenant.of.tenantId)
  const others = await service.tenantKey('tenant_b')
  const asks = (key: string, at = path()) => service.request('GET', at, undefined, { key })
  expect((await asks(own)).status).toBe(200)
  expect((await asks(service.keys.platform)).status).toBe(200)
  expect((await asks(others)).status).toBe(404)
  expect((await asks(service.keys.platform, '/billing/access/tenant/nobody')).status).toBe(404)
})

test('who never subscribed has none, nor has one whose first payment waits for the customer', async () => {
  await tenant.to('start')
  const never = { access: 'none', until: null, reason: 'never_subscribed' }
  expect(await shown()).toMatchObject({ ...never, subscription_status: null, plan_id: null })
  await tenant.createCustomer()
  const { tenantId: tenant_id, customerId: customer_id } = tenant.of
  await service.request('POST', '/billing/subscriptions', {
    ...{ tenant_id, customer_id, price_id: 'price_basic_monthly' },
    payment_method_id: 'pm_card_authenticationRequiredOnSetup',
  })
  expect(await shown()).toMatchObject({ ...never, reason: 'incomplete', subscription_status: 'incomplete' })
  expect(await changes()).toEqual([])
})
