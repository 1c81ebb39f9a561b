import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { createPostgres, type TestDatabase } from '../../support/databases.ts'
import type { Reply } from '../../support/requests.ts'
import { type Service, startService } from '../../support/service.ts'
import { requestsTo, settled, type Wizard, wizard } from '../../support/wizard.ts'

/** Two instances of the service on one PostgreSQL, against one Stripe, asked to change one subscription at once. */
let database: TestDatabase
let one: Service
let two: Service

beforeAll(async () => {
  database = await createPostgres()
  const environment = { DATABASE_URL: database.url, BILLING_TRIAL_PERIOD_DAYS: '0' }
  one = await startService({ environment })
  two = await startService({ environment, sandbox: one.sandbox, catalogue: false })
})
afterAll(async () => {
  await two.close()
  await one.close()
  await database.close()
})

let tenants = 0
let tenantId: string
let customerId: string
let id: string
const newSubscription = () => ({
  ...{ tenant_id: tenantId, customer_id: customerId, price_id: 'price_basic_monthly' },
  payment_method_id: 'pm_card_visa',
})
beforeEach(async () => {
  tenants += 1
  tenantId = `tenant_${tenants}`
  const customer = { tenant_id: tenantId, email: `${tenantId}@example.com`, name: tenantId }
  customerId = (await one.request('POST', '/billing/customers', customer)).body.data.customer_id
  id = (await one.request('POST', '/billing/subscriptions', newSubscription())).body.data.subscription_id
  for (const method of ['POST', 'DELETE'])
    one.sandbox.faults.add({ method, path: `/v1/subscriptions/${id}`, kind: 'delay', delayMs: 100, count: 9 })
})
afterEach(() => one.sandbox.faults.clear())

type Asked = { verb: string; body?: object; key?: string }
const send = (service: Service, { verb, body, key }: Asked) =>
  service.request('POST', `/billing/subscriptions/${id}/${verb}`, body, {
    headers: key === undefined ? {} : { 'Idempotency-Key': key },
  })

/** As a client does that is told to send the same request again. */
async function until(ask: () => Promise<Reply>): Promise<Reply> {
  for (;;) {
    const reply = await ask()
    if (reply.status !== 409 || reply.headers.get('Retry-After') === null) return reply
  }
}

/** The row is what Stripe has, on both instances. */
async function expectAsAtStripe(): Promise<void> {
  const { status, cancel_at_period_end, items, pause_collection } =
    await one.stripe.subscriptions.retrieve(id)
  for (const service of [one, two]) {
    const reply = await service.request('GET', `/billing/subscriptions/tenant/${tenantId}`)
    expect(reply.body.data).toMatchObject({
      ...{ subscription_id: id, status, cancel_at_period_end, is_paused: pause_collection !== null },
      price_id: items.data[0]?.price.id,
    })
  }
}

const cancel: Asked = { verb: 'cancel' }
const cancelNow: Asked = { verb: 'cancel', body: { at_period_end: false } }
const pause: Asked = { verb: 'pause' }
const to = (price_id: string): Asked => ({
  verb: 'change-plan',
  body: { price_id, proration_behavior: 'always_invoice' },
})

test.each<[string, Asked, Asked, object]>([
  [
    'a cancellation and a change of plan',
    cancel,
    to('price_enterprise_monthly'),
    { cancel_at_period_end: true, price_id: 'price_enterprise_monthly' },
  ],
  [
    'a pause and a cancellation',
    pause,
    cancel,
    { cancel_at_period_end: true, is_paused: true, price_id: 'price_basic_monthly' },
  ],
  ['an end now and a cancellation', cancelNow, cancel, { status: 'canceled' }],
])('%s at once, one on each instance, are both made', async (_name, first, second, outcome) => {
  const replies = await Promise.all([
    until(() => send(one, first)),
    until(() => send(two, second)),
    until(() => send(two, first)),
    until(() => send(one, second)),
  ])
  expect(replies.map(({ status }) => status)).toEqual([200, 200, 200, 200])
  await expectAsAtStripe()
  const shown = await one.request('GET', `/billing/subscriptions/tenant/${tenantId}`)
  expect(shown.body.data).toMatchObject(outcome)
  const calls = [
    ...(await requestsTo(one, 'POST', `/v1/subscriptions/${id}`)),
    ...(await requestsTo(one, 'DELETE', `/v1/subscriptions/${id}`)),
  ]
  expect(calls.length).toBeLessThanOrEqual(2)
})

test('an end now beside a change of plan: the one that comes later is refused, and says why', async () => {
  const [ended, changed] = await Promise.all([
    until(() => send(one, cancelNow)),
    until(() => send(two, to('price_enterprise_monthly'))),
  ])
  expect(ended?.status).toBe(200)
  expect([200, 409]).toContain(changed?.status)
  if (changed?.status === 409) expect(changed.body.error.message).toMatch(/has ended/)
  expect((await one.stripe.subscriptions.retrieve(id)).status).toBe('canceled')
  await expectAsAtStripe()
})

test('two plans at once: each change is one invoice, and the last one stands', async () => {
  const yearly = { ...to('price_basic_yearly'), key: 'yearly' }
  const better = { ...to('price_enterprise_monthly'), key: 'better' }
  await Promise.all([until(() => send(one, yearly)), until(() => send(two, better))])
  await expectAsAtStripe()
  const invoices = await one.stripe.invoices.list({ customer: customerId, limit: 100 })
  expect(invoices.data.map(({ billing_reason }) => billing_reason)).toEqual([
    'subscription_update',
    'subscription_update',
    'subscription_create',
  ])
})

test('one request under one Idempotency-Key on both is one call and one reply', async () => {
  const asked = { ...to('price_enterprise_monthly'), key: 'once' }
  const replies = await Promise.all([one, two, one, two].map((service) => until(() => send(service, asked))))
  expect(new Set(replies.map(({ status, body }) => JSON.stringify([status, body])))).toHaveLength(1)
  expect(replies[0]?.status).toBe(200)
  expect(await requestsTo(one, 'POST', `/v1/subscriptions/${id}`)).toHaveLength(1)
  const other = await send(two, { ...to('price_basic_yearly'), key: 'once' })
  expect([other.status, other.body.error.code]).toEqual([409, 'idempotency_mismatch'])
})

function elsewhere(tenant: Wizard): Wizard {
  const other = wizard(two)
  Object.assign(other.of, tenant.of)
  return other
}

test('subscriptions that are asked for on both instances while onboarding makes one are never two', async () => {
  const tenant = wizard(one)
  await tenant.to('selectPlan')
  tenantId = tenant.of.tenantId
  customerId = tenant.of.customerId
  one.sandbox.faults.add({ method: 'POST', path: '/v1/subscriptions', kind: 'delay', delayMs: 100, count: 9 })
  const asked = (service: Service) => service.request('POST', '/billing/subscriptions', newSubscription())
  const replies = await Promise.all([
    asked(one),
    tenant.createSubscription(),
    asked(two),
    elsewhere(tenant).createSubscription(),
    asked(two),
  ])
  for (const { status, text } of replies) expect([200, 409], text).toContain(status)
  expect(replies.some(({ status }) => status === 200)).toBe(true)
  await settled(one)
  const after = await Promise.all([asked(one), asked(two)])
  for (const { status, body } of after)
    expect([status, body.error?.code]).toEqual([409, 'already_subscribed'])
  const { data } = await one.stripe.subscriptions.list({ customer: customerId, status: 'all' })
  expect(data).toHaveLength(1)
})
