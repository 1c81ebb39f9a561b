import type Stripe from 'stripe'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { factById } from '../../src/log/read.ts'
import { openFact } from '../../src/log/subject.ts'
import { record } from '../../src/projections/record.ts'
import { newFact } from '../support/facts.ts'
import { projectedRows } from '../support/rows.ts'
import { type Service, startService } from '../support/service.ts'
import { deliver, eventOf, history, signingSecret } from '../support/webhooks.ts'
import { factsOf, settled, type Wizard, wizard } from '../support/wizard.ts'

/** No webhook comes by itself here: the tests deliver them. */
const clock = { nowMs: Date.parse('2026-11-02T09:00:00.000Z') }
let service: Service
let tenant: Wizard

beforeAll(async () => {
  service = await startService({ clock, environment: { STRIPE_WEBHOOK_SECRET: signingSecret } })
})
afterAll(() => service.close())
beforeEach(async () => {
  clock.nowMs += 60_000
  tenant = wizard(service)
  await tenant.to('createCustomer')
})

const customer = async () =>
  (await service.stripe.customers.retrieve(tenant.of.customerId)) as Stripe.Customer
const eventRow = (id: string) =>
  service.context.db.reader
    .selectFrom('stripe_events')
    .selectAll()
    .where('event_id', '=', id)
    .executeTakeFirst()
const inLog = async (id: string) =>
  (
    await service.context.db.reader
      .selectFrom('billing_events')
      .select('position')
      .where('fact_id', '=', id)
      .execute()
  ).length
const customerRow = () =>
  service.context.db.reader
    .selectFrom('billing_customers')
    .selectAll()
    .where('customer_id', '=', tenant.of.customerId)
    .executeTakeFirstOrThrow()
const soon = () => Math.floor(clock.nowMs / 1000) + 10
const all = () => projectedRows(service.context.db.reader)

test('a duplicate is answered 200 and changes nothing, also at once', async () => {
  const event = eventOf('customer.updated', { ...(await customer()), name: 'New Name' }, { created: soon() })
  const replies = await Promise.all([1, 2, 3, 4].map(() => deliver(service, event)))
  expect(replies.map(({ status }) => status)).toEqual([200, 200, 200, 200])
  expect(await inLog(event.id)).toBe(1)
  expect((await customerRow()).name).toBe('New Name')
  const before = await all()
  expect(await deliver(service, event)).toMatchObject({ status: 200, body: { received: true } })
  expect(await all()).toEqual(before)
})

test('an event of a type, or about an object, that we keep nothing of is stored and ignored', async () => {
  for (const event of [
    eventOf('account.updated', { id: 'acct_1', object: 'account' }),
    eventOf('invoice.upcoming', { object: 'invoice', customer: tenant.of.customerId }),
    eventOf('a.type.of.the.future', { id: 'x_1', object: 'x' }),
    eventOf('payment_method.updated', { id: 'pm_of_nobody', object: 'payment_method', customer: null }),
  ]) {
    const { stripe_events: _, ...before } = await all()
    expect(await deliver(service, event), event.type).toMatchObject({ status: 200 })
    expect(await eventRow(event.id)).toMatchObject({ disposition: 'ignored' })
    const { stripe_events: __, ...after } = await all()
    expect(after).toEqual(before)
  }
})

test('events about a customer who is not known yet are parked, and applied when the customer is known', async () => {
  const stranger = wizard(service)
  await stranger.start()
  const key = `stepledger:${stranger.of.sessionId}:create_customer:1`
  const made = await service.stripe.customers.create({
    email: 'ada@example.com',
    metadata: { tenant_id: stranger.of.tenantId, session_id: stranger.of.sessionId, stepledger_key: key },
  })
  const method = await service.stripe.paymentMethods.attach('pm_card_visa', { customer: made.id })
  const subscription = await service.stripe.subscriptions.create({
    customer: made.id,
    items: [{ price: 'price_basic_monthly' }],
    default_payment_method: method.id,
    trial_period_days: 3,
  })
  const events = (await history(service.stripe)).filter(
    ({ data }) => 'customer' in data.object && data.object.customer === made.id,
  )
  expect(events.map(({ type }) => type)).toContain('customer.subscription.created')
  for (const event of events) {
    expect(await deliver(service, event)).toMatchObject({ status: 200 })
    expect((await eventRow(event.id))?.disposition).toBe('parked')
  }
  const rows = () =>
    service.context.db.reader
      .selectFrom('billing_subscriptions')
      .select(['subscription_id', 'tenant_id', 'status'])
      .where('subscription_id', '=', subscription.id)
      .execute()
  expect(await rows()).toEqual([])

  const created = (await history(service.stripe)).find(
    ({ type, data }) => type === 'customer.created' && (data.object as { id: string }).id === made.id,
  )
  await deliver(service, created as Stripe.Event)
  expect(await rows()).toEqual([
    { subscription_id: subscription.id, tenant_id: stranger.of.tenantId, status: 'trialing' },
  ])
  for (const { id } of events)
    expect(await eventRow(id)).toMatchObject({ disposition: 'released', tenant_id: stranger.of.tenantId })
})

test('events of one second that were parked end in what Stripe has, whatever their ids', async () => {
  for (const ids of [
    ['evt_a', 'evt_b'],
    ['evt_y', 'evt_x'],
  ]) {
    const stranger = wizard(service)
    await stranger.start()
    const made = await service.stripe.customers.create({ metadata: { tenant_id: stranger.of.tenantId } })
    const before = await service.stripe.subscriptions.create({
      customer: made.id,
      items: [{ price: 'price_basic_monthly' }],
      trial_period_days: 3,
    })
    const after = await service.stripe.subscriptions.update(before.id, { cancel_at_period_end: true })
    const created = Math.floor(clock.nowMs / 1000)
    await deliver(
      service,
      eventOf('customer.subscription.created', before, { id: `${ids[0]}${made.id}`, created }),
    )
    await deliver(
      service,
      eventOf('customer.subscription.updated', after, { id: `${ids[1]}${made.id}`, created }),
    )
    await deliver(service, eventOf('customer.created', made, { created }))
    await settled(service)
    const row = await service.context.db.reader
      .selectFrom('billing_subscriptions')
      .select('cancel_at_period_end')
      .where('subscription_id', '=', before.id)
      .executeTakeFirstOrThrow()
    expect(row.cancel_at_period_end, ids.join()).toBe(1)
  }
})

test('an event of another API version is fetched again, and its own words are not believed', async () => {
  const updated = await service.stripe.customers.update(tenant.of.customerId, { name: 'As Stripe has it' })
  const event = eventOf(
    'customer.updated',
    { ...updated, name: { first: 'in', last: 'another form' } },
    { api_version: '2019-05-16', created: soon() },
  )
  expect(await deliver(service, event)).toMatchObject({ status: 200 })
  expect(await eventRow(event.id)).toMatchObject({ disposition: 'refetched', tenant_id: tenant.of.tenantId })
  await settled(service)
  expect((await customerRow()).name).toBe('As Stripe has it')
})

test('an event of another API version about a customer who is not known yet is fetched when it is', async () => {
  const stranger = wizard(service)
  await stranger.start()
  const made = await service.stripe.customers.create({ metadata: { tenant_id: stranger.of.tenantId } })
  const subscription = await service.stripe.subscriptions.create({
    customer: made.id,
    items: [{ price: 'price_basic_monthly' }],
    trial_period_days: 3,
  })
  const old = { ...subscription, items: undefined, plan: { id: 'an_old_form' }, status: 'trialing' }
  const version = { api_version: '2019-05-16' }
  await deliver(service, eventOf('customer.subscription.created', old, version))
  await deliver(service, eventOf('customer.created', made))
  await settled(service)
  const row = await service.context.db.reader
    .selectFrom('billing_subscriptions')
    .select(['price_id', 'amount_cents'])
    .where('subscription_id', '=', subscription.id)
    .executeTakeFirstOrThrow()
  expect(row).toEqual({ price_id: 'price_basic_monthly', amount_cents: 4900 })
})

test('an event of another API version tells the session what it tells the tables', async () => {
  await tenant.setupPayment()
  await tenant.confirmCard()
  const confirmed = await service.stripe.setupIntents.retrieve(tenant.of.setupIntentId)
  await deliver(
    service,
    eventOf('setup_intent.succeeded', { ...confirmed, status: 'an old word' }, { api_version: '2019-05-16' }),
  )
  await settled(service)
  expect(await factsOf(service, tenant.of.sessionId)).toContain('payment_confirmed')
})

test('what contradicts us is quarantined, shown, and changes neither tenant', async () => {
  const other = wizard(service)
  await other.to('createCustomer')
  const mine = await customer()
  const theirs = { ...mine.metadata, tenant_id: other.of.tenantId }
  for (const [event, reason] of [
    [
      eventOf('customer.updated', { ...mine, name: 'Evil', metadata: theirs }, { created: soon() }),
      'tenant_mismatch',
    ],
    [eventOf('customer.updated', { ...mine, name: 'Live' }, { created: soon(), livemode: true }), 'livemode'],
    [
      eventOf('customer.created', { ...mine, id: 'cus_second', name: 'Second' }, { created: soon() }),
      'second_customer',
    ],
    [
      eventOf('customer.subscription.created', {
        id: 'sub_evil',
        object: 'subscription',
        customer: tenant.of.customerId,
        status: 'active',
        metadata: { tenant_id: other.of.tenantId },
      }),
      'tenant_mismatch',
    ],
  ] as const) {
    const { stripe_events: _, ...before } = await all()
    expect(await deliver(service, event)).toMatchObject({ status: 200 })
    expect(await eventRow(event.id)).toMatchObject({ disposition: 'quarantined', reason, tenant_id: null })
    const { stripe_events: __, ...after } = await all()
    expect(after).toEqual(before)
  }
  const metrics = await (await service.app.request('/metrics')).text()
  expect(metrics).toMatch(/disposition="quarantined"[^\n]* 4$/m)
})

test('a customer of somebody else, who says he is ours, is not', async () => {
  const event = eventOf('customer.created', {
    id: 'cus_claiming',
    object: 'customer',
    metadata: { tenant_id: 'Jeturing_of_nobody' },
  })
  await deliver(service, event)
  expect(await eventRow(event.id)).toMatchObject({ disposition: 'parked', tenant_id: null })
})

test('a crash before the commit is answered with no 2xx, and the redelivery applies once', async () => {
  const { db } = service.context
  const event = eventOf(
    'customer.updated',
    { ...(await customer()), name: 'After the crash' },
    { created: soon() },
  )
  const transact = db.transact.bind(db)
  Object.assign(db, {
    transact: (work: Parameters<typeof transact>[0]) =>
      transact(async (trx) => {
        await work(trx)
        throw new Error('the process dies here')
      }),
  })
  expect((await deliver(service, event)).status).toBe(500)
  Object.assign(db, { transact })
  expect(await inLog(event.id)).toBe(0)
  expect(await deliver(service, event)).toMatchObject({ status: 200 })
  expect((await customerRow()).name).toBe('After the crash')
  expect(await inLog(event.id)).toBe(1)
})

test('a discount that was given at Stripe itself is known by its terms, which an event does not tell', async () => {
  await service.stripe.subscriptions.create({
    customer: tenant.of.customerId,
    items: [{ price: 'price_basic_monthly' }],
    trial_period_days: 3,
    discounts: [{ coupon: 'LAUNCH50' }],
  })
  const created = (await history(service.stripe)).findLast(
    ({ type }) => type === 'customer.subscription.created',
  )
  await deliver(service, created as Stripe.Event)
  await settled(service)
  const row = await service.context.db.reader
    .selectFrom('billing_subscriptions')
    .select('discounts')
    .where('tenant_id', '=', tenant.of.tenantId)
    .executeTakeFirstOrThrow()
  expect(JSON.parse(row.discounts)).toMatchObject([
    { coupon_id: 'LAUNCH50', percent_off: 50, duration: 'once' },
  ])
})

test('a client secret is not kept, wherever in an event it stands', async () => {
  const secret = 'seti_1ABC_secret_planted'
  const url = `https://hooks.stripe.com/3d_secure_2/hosted?setup_intent=seti_1ABC&setup_intent_client_secret=${secret}&x=1`
  const event = eventOf('setup_intent.requires_action', {
    id: 'seti_1ABC',
    object: 'setup_intent',
    customer: tenant.of.customerId,
    client_secret: secret,
    next_action: { type: 'redirect_to_url', redirect_to_url: { url } },
  })
  await deliver(service, event)
  const { reader } = service.context.db
  const data = JSON.stringify((await openFact(reader, await factById(reader, event.id))).data)
  expect(data).not.toContain('planted')
  expect(data).toContain('setup_intent_client_secret=[removed]&x=1')
})

test('an event older than what we have seen of the object changes nothing', async () => {
  const now = await customer()
  await deliver(service, eventOf('customer.updated', { ...now, name: 'Newer' }, { created: soon() }))
  await deliver(service, eventOf('customer.updated', { ...now, name: 'Older' }, { created: soon() - 5 }))
  expect((await customerRow()).name).toBe('Newer')
})

test('a session that the statechart cannot read keeps no event from the tables, nor from other sessions', async () => {
  const { db } = service.context
  const stream = `onboarding-${tenant.of.sessionId}`
  // What an older statechart may have taken in this place.
  const strange = newFact('onboarding.completed', {}, { tenantId: tenant.of.tenantId })
  await db.transact((trx) => record(trx, stream, 'any', [strange], service.context.now().toISOString()))
  expect((await tenant.show()).body.error.code).toBe('session_quarantined')
  const event = eventOf('customer.updated', { ...(await customer()), name: 'Taken in' }, { created: soon() })
  expect(await deliver(service, event)).toMatchObject({ status: 200 })
  expect((await customerRow()).name).toBe('Taken in')
})
