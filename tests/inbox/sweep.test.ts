import { afterEach, beforeEach, expect, test } from 'vitest'
import { scheduleSweep } from '../../src/inbox/sweep.ts'
import { verifyTables } from '../../src/projections/replay.ts'
import { type Service, startService } from '../support/service.ts'
import { deliver, history, signingSecret } from '../support/webhooks.ts'
import { carryOutDue, settled, type Wizard, wizard } from '../support/wizard.ts'

const hourMs = 3_600_000
const dayMs = 24 * hourMs
/** Stripe's time. */
const clock = { nowMs: 0 }
/** How far our own clock is ahead of it. */
let skewMs = 0
let service: Service
let tenant: Wizard

/** A tenant, and a sweep that has seen everything up to now. */
beforeEach(async () => {
  clock.nowMs = Date.parse('2026-11-02T09:00:00.000Z')
  skewMs = 0
  service = await startService({
    clock,
    now: () => new Date(clock.nowMs + skewMs),
    environment: { STRIPE_WEBHOOK_SECRET: signingSecret },
  })
  tenant = wizard(service)
  await tenant.to('createSubscription')
  await restart()
})
afterEach(() => service.close())

const worker = async () => {
  await carryOutDue(service)
  await settled(service)
}
const restart = async () => {
  await scheduleSweep(service.context)
  await worker()
}
const customerName = async () => {
  const { name } = await service.context.db.reader
    .selectFrom('billing_customers')
    .select('name')
    .where('customer_id', '=', tenant.of.customerId)
    .executeTakeFirstOrThrow()
  return name
}
const status = async () => {
  const row = await service.context.db.reader
    .selectFrom('billing_subscriptions')
    .select('status')
    .where('subscription_id', '=', tenant.of.subscriptionId)
    .executeTakeFirstOrThrow()
  return row.status
}
const rename = (name: string) => service.stripe.customers.update(tenant.of.customerId, { name })
const eventCount = async () =>
  (await service.context.db.reader.selectFrom('stripe_events').select('event_id').execute()).length

test('what happened in an outage of five days is there after the start, also when a webhook comes first', async () => {
  await rename('In the outage')
  await service.stripe.subscriptions.cancel(tenant.of.subscriptionId)
  clock.nowMs += 5 * dayMs
  await service.stripe.coupons.create({ percent_off: 5, duration: 'once' })
  const newest = (await history(service.stripe)).at(-1)
  expect(await deliver(service, newest ?? '')).toMatchObject({ status: 200 })
  expect(await customerName()).toBe('Ada Lovelace')
  await restart()
  expect(await customerName()).toBe('In the outage')
  expect(await status()).toBe('canceled')
  expect(await eventCount()).toBe((await history(service.stripe)).length)
})

test('a sweep that fails is made up for by the next one', async () => {
  await rename('Missed')
  service.sandbox.faults.add({ method: 'GET', path: '/v1/events', kind: '500_before', count: 2 })
  clock.nowMs += hourMs
  await worker()
  expect(await customerName()).toBe('Ada Lovelace')
  clock.nowMs += 3 * hourMs
  await service.stripe.coupons.create({ percent_off: 5, duration: 'once' })
  await worker()
  expect(await customerName()).toBe('Missed')
})

test('it goes on every hour, and brings what was not delivered', async () => {
  for (const name of ['First', 'Second', 'Third']) {
    clock.nowMs += 60_000
    await rename(name)
    clock.nowMs += hourMs
    await worker()
    expect(await customerName()).toBe(name)
  }
  const sweeps = await service.context.db.reader
    .selectFrom('effects')
    .select('status')
    .where('kind', '=', 'sweep_events')
    .execute()
  expect(sweeps).toEqual([{ status: 'pending' }])
})

test('one event that cannot be taken in keeps no other out', async () => {
  await rename('Poisoned')
  await service.stripe.subscriptions.update(tenant.of.subscriptionId, { cancel_at_period_end: true })
  const poisoned = (await history(service.stripe)).find(({ type }) => type === 'customer.updated')
  const { db } = service.context
  const transact = db.transact.bind(db)
  clock.nowMs += hourMs
  // The log refuses this one fact.
  Object.assign(db, {
    transact: (work: Parameters<typeof transact>[0]) =>
      transact(async (trx) => {
        const result = await work(trx)
        const bad = await trx
          .selectFrom('billing_events')
          .select('position')
          .where('fact_id', '=', poisoned?.id ?? '')
          .executeTakeFirst()
        if (bad !== undefined) throw new Error('poison')
        return result
      }),
  })
  await worker()
  Object.assign(db, { transact })
  const row = await db.reader
    .selectFrom('billing_subscriptions')
    .select('cancel_at_period_end')
    .where('subscription_id', '=', tenant.of.subscriptionId)
    .executeTakeFirstOrThrow()
  expect(row.cancel_at_period_end).toBe(1)
  expect(await customerName()).toBe('Ada Lovelace')
  await restart()
  expect(await customerName()).toBe('Poisoned')
})

test('after longer than Stripe keeps events, every object that can change is asked for by itself', async () => {
  await rename('Forty days ago')
  await service.stripe.subscriptions.cancel(tenant.of.subscriptionId)
  clock.nowMs += 40 * dayMs
  expect(await history(service.stripe)).toEqual([])
  await restart()
  expect(await customerName()).toBe('Forty days ago')
  expect(await status()).toBe('canceled')
})

test.each([
  ['ahead', 20],
  ['behind', -20],
  ['ahead by a day', 24 * 60],
  ['behind by 31 days', -31 * 24 * 60],
])('no event is lost while our clock is %s', async (_what, minutes) => {
  skewMs = minutes * 60_000
  await restart()
  for (const name of ['First', 'Second', 'Third']) {
    // Just after a sweep, in its overlap, and long after it.
    for (const minute of [1, 9, 11, 24, 15]) {
      clock.nowMs += minute * 60_000
      await rename(`${name} ${minute}`)
    }
    await worker()
    expect(await customerName()).toBe(`${name} 15`)
    expect(await eventCount()).toBe((await history(service.stripe)).length)
  }
  skewMs = -skewMs
  clock.nowMs += hourMs
  await rename('After the clock was set right')
  await restart()
  expect(await customerName()).toBe('After the clock was set right')
})

test('the first sweep of a new database asks by our own clock, which may be 20 minutes ahead', async () => {
  const { db } = service.context
  await db.transact((trx) => trx.deleteFrom('effects').where('kind', '=', 'sweep_events').execute())
  await db.transact((trx) => trx.deleteFrom('stripe_events').execute())
  skewMs = 20 * 60_000
  await scheduleSweep(service.context)
  clock.nowMs += 60_000
  await rename('In the first minutes')
  clock.nowMs += 3 * hourMs
  await worker()
  expect(await customerName()).toBe('In the first minutes')
})

test('after longer than Stripe keeps events, what was made meanwhile is found too, on every page', async () => {
  const { customerId: customer, tenantId, subscriptionId } = tenant.of
  const { reader } = service.context.db
  const other = wizard(service)
  await other.to('createCustomer')
  await settled(service)
  const known = await service.stripe.paymentMethods.list({ customer })
  const card = await service.stripe.paymentMethods.attach('pm_card_mastercard', { customer })
  for (const { id } of known.data) await service.stripe.paymentMethods.detach(id)
  clock.nowMs += 2 * dayMs
  const drafts: string[] = []
  for (let n = 0; n < 103; n += 1)
    drafts.push((await service.stripe.invoices.create({ customer, auto_advance: false })).id)
  const theirs = await service.stripe.paymentMethods.attach('pm_card_visa', { customer: other.of.customerId })
  const subscription = await service.stripe.subscriptions.create({
    customer: other.of.customerId,
    items: [{ price: 'price_basic_monthly' }],
    default_payment_method: theirs.id,
  })
  // In a long trial nothing happens, of which Stripe would tell.
  const trial_end = Math.floor(clock.nowMs / 1000) + 90 * 24 * 60 * 60
  for (const id of [subscriptionId, subscription.id])
    await service.stripe.subscriptions.update(id, { trial_end })
  const stranger = await service.stripe.invoices.create({
    customer,
    auto_advance: false,
    metadata: { tenant_id: other.of.tenantId },
  })
  clock.nowMs += 40 * dayMs
  expect(await history(service.stripe)).toEqual([])
  await restart()
  for (let round = 0; round < 3; round += 1) await worker()

  const cards = await reader.selectFrom('billing_payment_methods').selectAll().execute()
  expect(cards.find((row) => row.payment_method_id === card.id)).toMatchObject({
    tenant_id: tenantId,
    brand: 'mastercard',
    detached_at: null,
  })
  for (const { id } of known.data)
    expect(cards.find((row) => row.payment_method_id === id)?.detached_at).not.toBeNull()
  const invoices = await reader.selectFrom('billing_invoices').selectAll().execute()
  const found = new Map(invoices.map((row) => [row.invoice_id, row.tenant_id]))
  expect(drafts.filter((id) => found.get(id) !== tenantId)).toEqual([])
  // It says that it is another tenant's: nobody gets it.
  expect(found.has(stranger.id)).toBe(false)
  const subscriptions = await reader.selectFrom('billing_subscriptions').selectAll().execute()
  expect(subscriptions.map((row) => [row.subscription_id, row.tenant_id]).sort()).toEqual(
    [
      [subscriptionId, tenantId],
      [subscription.id, other.of.tenantId],
    ].sort(),
  )
  expect((await verifyTables(service.context.db)).drift).toEqual([])
})

test('after longer than Stripe keeps events, what was given back of an earlier payment is found', async () => {
  const { customerId: customer, subscriptionId } = tenant.of
  await service.stripe.subscriptions.update(subscriptionId, { trial_end: 'now' })
  await restart()
  const charge = (await service.stripe.charges.list({ customer })).data[0]?.id ?? ''
  clock.nowMs += dayMs
  await service.stripe.refunds.create({ charge, amount: 1_000 })
  clock.nowMs += 40 * dayMs
  expect((await history(service.stripe)).filter(({ type }) => type.startsWith('refund.'))).toEqual([])
  await restart()
  for (let round = 0; round < 3; round += 1) await worker()
  const { data } = await service.stripe.invoicePayments.list({
    payment: {
      type: 'payment_intent',
      payment_intent: String((await service.stripe.charges.retrieve(charge)).payment_intent),
    },
  })
  const row = await service.context.db.reader
    .selectFrom('billing_invoices')
    .select('refunded_cents')
    .where('invoice_id', '=', String(data[0]?.invoice))
    .executeTakeFirst()
  expect(row).toEqual({ refunded_cents: 1_000 })
  expect((await verifyTables(service.context.db)).drift).toEqual([])
})

test('a subscription that a list brings has the products that its coupon is for', async () => {
  const { customerId, subscriptionId } = tenant.of
  const products = ['prod_enterprise']
  const { id: coupon } = await service.stripe.coupons.create({
    ...{ percent_off: 50, duration: 'forever', applies_to: { products } },
  })
  await service.stripe.subscriptions.update(subscriptionId, { discounts: [{ coupon }] })
  const listed = await service.context.stripe?.objectsOf(customerId, 0)
  const subscription = listed?.find(({ objectId }) => objectId === subscriptionId)?.object
  expect(subscription).toMatchObject({ discounts: [{ source: { coupon: { applies_to: { products } } } }] })
})
