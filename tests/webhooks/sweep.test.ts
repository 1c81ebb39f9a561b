import { afterEach, beforeEach, expect, test } from 'vitest'
import { scheduleSweep } from '../../src/webhooks/sweep.ts'
import { type Service, startService } from '../support/service.ts'
import { deliver, history, signingSecret } from '../support/webhooks.ts'
import { carryOutDue, settled, type Wizard, wizard } from '../support/wizard.ts'

const hourMs = 3_600_000
const dayMs = 24 * hourMs
const clock = { nowMs: 0 }
let service: Service
let tenant: Wizard

/** A tenant, and a sweep that has seen everything up to now. */
beforeEach(async () => {
  clock.nowMs = Date.parse('2026-11-02T09:00:00.000Z')
  service = await startService({ clock, environment: { STRIPE_WEBHOOK_SECRET: signingSecret } })
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
  await scheduleSweep(service.context.db, service.context.now())
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
