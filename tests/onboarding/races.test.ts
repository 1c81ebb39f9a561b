import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { createPostgres } from '../support/databases.ts'
import { type Service, startService } from '../support/service.ts'
import { deliver, eventOf, signingSecret } from '../support/webhooks.ts'
import { applicant, type Wizard, wizard } from '../support/wizard.ts'

/** Two ways to one thing, and news in the wrong order. */

let service: Service
let of: Wizard
beforeEach(async () => {
  service = await startService({ environment: { STRIPE_WEBHOOK_SECRET: signingSecret } })
  of = wizard(service)
})
afterEach(() => service.close())

const fail = (path: string) =>
  service.sandbox.faults.add({ method: 'POST', path, kind: '500_after', count: 2 })
const place = async () => (await of.show()).body.data

test('while billing may be making the customer, onboarding makes no second one', async () => {
  await of.to('start')
  const body = { tenant_id: of.of.tenantId, email: applicant.email, name: applicant.name }
  fail('/v1/customers')
  expect(await service.request('POST', '/billing/customers', body)).toMatchObject({ status: 503 })
  expect(await of.createCustomer()).toMatchObject({ status: 409, body: { error: { code: 'conflict' } } })

  const made = await service.request('POST', '/billing/customers', body)
  expect(made.status).toBe(200)
  const step = await of.createCustomer()
  expect(step).toMatchObject({ status: 200, body: { data: { customer_id: made.body.data.customer_id } } })
  expect((await service.stripe.customers.list()).data).toHaveLength(1)
})

test('while billing may be making the subscription, onboarding makes no second one', async () => {
  await of.to('selectPlan')
  fail('/v1/subscriptions')
  const body = {
    tenant_id: of.of.tenantId,
    customer_id: of.of.customerId,
    price_id: 'price_basic_monthly',
    trial_period_days: 14,
  }
  expect((await service.request('POST', '/billing/subscriptions', body)).status).toBe(503)
  expect(await of.createSubscription()).toMatchObject({ status: 409, body: { error: { code: 'conflict' } } })
  expect((await service.request('POST', '/billing/subscriptions', body)).status).toBe(200)
  expect(await of.createSubscription()).toMatchObject({
    status: 409,
    body: { error: { code: 'already_subscribed' } },
  })
  expect((await service.stripe.subscriptions.list({ status: 'all' })).data).toHaveLength(1)
})

test('a subscription that ended before its creation was learnt of ends the session', async () => {
  await of.to('selectPlan')
  fail('/v1/subscriptions')
  expect((await of.createSubscription()).status).toBe(503)
  const [made] = (await service.stripe.subscriptions.list()).data
  await service.stripe.subscriptions.cancel(made?.id ?? '')

  await of.createSubscription()
  expect(await place()).toMatchObject({
    status: 'cancelled',
    next_step: null,
    allowed_events: [],
    subscription: { subscription_status: 'canceled' },
  })
  expect((await of.complete()).status).toBe(409)
  expect((await of.cancel()).status).toBe(200)
})

test.each([
  ['created, deleted', ['customer.subscription.created', 'customer.subscription.deleted']],
  ['deleted, created', ['customer.subscription.deleted', 'customer.subscription.created']],
])('news of a subscription in the order %s ends in the same place', async (_order, types) => {
  await of.to('selectPlan')
  fail('/v1/subscriptions')
  expect((await of.createSubscription()).status).toBe(503)
  const [made] = (await service.stripe.subscriptions.list()).data
  if (made === undefined) throw new Error('the sandbox has no subscription')
  const seconds = made.created + 10
  const events: Record<string, object> = {
    'customer.subscription.created': eventOf('customer.subscription.created', made, { created: seconds }),
    'customer.subscription.deleted': eventOf(
      'customer.subscription.deleted',
      { ...made, status: 'canceled', ended_at: seconds + 1 },
      { created: seconds + 1 },
    ),
  }
  for (const type of types) expect((await deliver(service, events[type] ?? {})).status).toBe(200)
  expect(await place()).toMatchObject({ next_step: null, subscription: { subscription_status: 'canceled' } })
  expect((await of.complete()).status).toBe(409)
})

test('a parked event that names another tenant is quarantined when its customer becomes known', async () => {
  await of.to('start')
  const other = wizard(service)
  await other.to('start')
  const customer = await service.stripe.customers.create({
    email: applicant.email,
    metadata: { tenant_id: of.of.tenantId },
  })
  const subscription = {
    id: 'sub_parked',
    object: 'subscription',
    customer: customer.id,
    status: 'active',
    metadata: { tenant_id: other.of.tenantId },
    items: { data: [] },
  }
  const event = eventOf('customer.subscription.created', subscription)
  expect((await deliver(service, event)).status).toBe(200)
  expect((await deliver(service, eventOf('customer.created', customer))).status).toBe(200)
  const { reader } = service.context.db
  const row = await reader
    .selectFrom('stripe_events')
    .select(['disposition', 'reason'])
    .where('event_id', '=', event.id)
    .executeTakeFirst()
  expect(row).toEqual({ disposition: 'quarantined', reason: 'tenant_mismatch' })
  expect(await reader.selectFrom('billing_subscriptions').selectAll().execute()).toEqual([])
})

test('a PostgreSQL that ends its connections costs the requests of that moment, not the process', async () => {
  const db = await createPostgres()
  const admin = new pg.Client({ connectionString: db.url })
  await admin.connect()
  try {
    const held = db.transact(async (trx) => {
      await trx.selectFrom('effects').selectAll().execute()
      await sleep(300)
      return trx.selectFrom('effects').selectAll().execute()
    })
    await sleep(100)
    await admin.query(
      'select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()',
    )
    await expect(held).rejects.toMatchObject({ code: 'database_busy' })
    expect(await db.transact((trx) => trx.selectFrom('effects').selectAll().execute())).toEqual([])
  } finally {
    await admin.end()
    await db.close()
  }
})
