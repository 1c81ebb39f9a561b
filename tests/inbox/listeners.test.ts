import { sql } from 'kysely'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { verifyTables } from '../../src/projections/replay.ts'
import { type Service, startService } from '../support/service.ts'
import { deliver, eventOf, history, signingSecret } from '../support/webhooks.ts'
import { carryOutDue, requestsTo, type Wizard, wizard } from '../support/wizard.ts'

/** What happens on an object of Stripe's may fail by our own fault: neither the object nor anybody else is lost by it. */

const clock = { nowMs: 0 }
let service: Service
let tenant: Wizard
beforeEach(async () => {
  clock.nowMs = Date.parse('2026-11-02T09:00:00.000Z')
  service = await startService({ clock, environment: { STRIPE_WEBHOOK_SECRET: signingSecret } })
  tenant = wizard(service)
  await tenant.start()
})
afterEach(() => service.close())

const db = () => service.context.db
const execute = (statement: string) => db().transact((trx) => sql.raw(statement).execute(trx))
/** Stands for a bug in what tells the sessions: it throws when one becomes like this. */
const breakSessions = (when: string) =>
  execute(
    `create trigger broken before update on onboarding_sessions when ${when} begin select raise(abort, 'a bug of ada@example.com'); end`,
  )
const mendSessions = () => execute('drop trigger broken')
const event = (id: string) =>
  db()
    .reader.selectFrom('stripe_events')
    .select(['disposition', 'reason'])
    .where('event_id', '=', id)
    .executeTakeFirst()
const failing = async () => (await service.request('GET', '/admin/effects?retrying=true')).body.data.items

test('an answer whose listener throws is kept, operators see the fault, and all goes on once the code is mended', async () => {
  await breakSessions("new.status = 'customer_created'")
  expect(await tenant.createCustomer()).toMatchObject({ status: 409 })
  await carryOutDue(service)
  const customers = await db().reader.selectFrom('billing_customers').select('customer_id').execute()
  expect(customers).toHaveLength(1)
  expect((await tenant.show()).body.data).toMatchObject({ status: 'started' })
  expect(await failing()).toMatchObject([
    { kind: 'tell_listener', status: 'pending', last_error: expect.stringContaining('a bug of [masked]') },
  ])
  expect((await verifyTables(db())).drift).toEqual([])

  await mendSessions()
  clock.nowMs += 3_600_000
  await carryOutDue(service)
  expect(await failing()).toEqual([])
  expect(await tenant.createCustomer()).toMatchObject({
    status: 200,
    body: { data: { status: 'customer_created', customer_id: customers[0]?.customer_id } },
  })
  expect(await requestsTo(service, 'POST', '/v1/customers')).toHaveLength(1)
  expect((await verifyTables(db())).drift).toEqual([])
})

test('an event whose listener throws is quarantined as a whole, keeps no other back, and is released by a retry', async () => {
  await tenant.createCustomer()
  await tenant.setupPayment()
  await breakSessions('new.snapshot like \'%"payment_method_id":"pm_%\'')
  await tenant.confirmCard()
  const events = (await history(service.stripe)).filter(({ type }) =>
    /^(setup_intent|payment_method)/.test(type),
  )
  for (const each of events) expect(await deliver(service, each)).toMatchObject({ status: 200 })
  const faulty = events.find(({ type }) => type === 'setup_intent.succeeded')?.id ?? ''
  expect(await event(faulty)).toMatchObject({
    disposition: 'quarantined',
    reason: expect.stringContaining('a bug of [masked]'),
  })
  for (const { id } of events) if (id !== faulty) expect((await event(id))?.disposition).toBe('applied')

  await mendSessions()
  expect(await service.request('POST', `/admin/webhooks/${faulty}/retry`)).toMatchObject({
    status: 200,
    body: { data: { disposition: 'released' } },
  })
  expect(await tenant.selectPlan()).toMatchObject({ status: 200 })
  expect((await verifyTables(db())).drift).toEqual([])
})

test('what waited for a customer is released when it becomes known, each event once, however many are about itself', async () => {
  const made = await service.stripe.customers.create({ email: 'ada@example.com' })
  const seconds = clock.nowMs / 1000
  const events = Array.from({ length: 40 }, (_, n) =>
    eventOf('customer.updated', { ...made, name: `Ada ${n}` }, { created: seconds + n }),
  )
  for (const each of events) await deliver(service, each)
  const own = { ...made, name: 'Ada', metadata: { tenant_id: tenant.of.tenantId } }
  await deliver(service, eventOf('customer.updated', own, { created: seconds }))
  const rows = await db()
    .reader.selectFrom('stripe_events')
    .select(['disposition', 'tenant_id'])
    .where('customer_id', '=', made.id)
    .execute()
  expect(rows).toHaveLength(41)
  expect(new Set(rows.map(({ disposition }) => disposition))).toEqual(new Set(['applied', 'released']))
  const released = await db()
    .reader.selectFrom('billing_events')
    .select('fact_id')
    .where('type', '=', 'stripe.event_released')
    .execute()
  expect(released).toHaveLength(40)
  expect((await verifyTables(db())).drift).toEqual([])
})
