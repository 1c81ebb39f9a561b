import { sql } from 'kysely'
import { afterEach, beforeEach, expect, onTestFinished, test } from 'vitest'
import { AppError } from '../../src/errors.ts'
import { scheduleSweep } from '../../src/inbox/sweep.ts'
import { verifyTables } from '../../src/projections/replay.ts'
import { eachDatabase } from '../support/databases.ts'
import { type Service, startService } from '../support/service.ts'
import { deliver, eventOf, history, signingSecret } from '../support/webhooks.ts'
import { carryOutDue, settled, type Wizard, wizard } from '../support/wizard.ts'

/** Whatever one event does: it is quarantined, the others go on, and it is applied once the code is mended. */

const clock = { nowMs: 0 }
let service: Service
let tenant: Wizard
async function opened(environment: Record<string, string> = {}) {
  clock.nowMs = Date.parse('2026-11-02T09:00:00.000Z')
  service = await startService({
    clock,
    environment: { STRIPE_WEBHOOK_SECRET: signingSecret, ...environment },
  })
  tenant = wizard(service)
  await tenant.to('createCustomer')
  clock.nowMs += 60_000
}
beforeEach(() => opened())
afterEach(() => service.close())

const db = () => service.context.db
/** Stands for a bug in the interpretation: it throws whenever a customer of this name is written. */
const breakIt = () =>
  db().transact(async (trx) => {
    for (const change of ['insert', 'update'])
      await sql
        .raw(
          `create trigger broken_${change} before ${change} on billing_customers when new.name = 'Poison' begin select raise(abort, 'a bug: ada@example.com'); end`,
        )
        .execute(trx)
  })
const mendIt = () =>
  db().transact(async (trx) => {
    for (const change of ['insert', 'update']) await sql.raw(`drop trigger broken_${change}`).execute(trx)
  })
const row = (id: string) =>
  db().reader.selectFrom('stripe_events').selectAll().where('event_id', '=', id).executeTakeFirst()
const customerName = async () =>
  (
    await db()
      .reader.selectFrom('billing_customers')
      .select('name')
      .where('customer_id', '=', tenant.of.customerId)
      .executeTakeFirstOrThrow()
  ).name
const retry = (id: string) => service.request('POST', `/admin/webhooks/${id}/retry`)
const poisoned = async () => {
  await service.stripe.customers.update(tenant.of.customerId, { name: 'Poison' })
  const event = (await history(service.stripe)).at(-1)
  if (event === undefined) throw new Error('no event')
  return event
}

test('an event whose interpretation throws is quarantined with its reason, answered 200, and seen by operators', async () => {
  await breakIt()
  const event = await poisoned()
  expect(await deliver(service, event)).toMatchObject({ status: 200, body: { received: true } })
  expect(await deliver(service, event)).toMatchObject({ status: 200 })
  expect(await row(event.id)).toMatchObject({
    disposition: 'quarantined',
    reason: 'fault: SqliteError: a bug: [masked]',
    object_id: tenant.of.customerId,
  })
  expect(await customerName()).toBe('Ada Lovelace')
  const listed = await service.request('GET', '/admin/webhooks?disposition=quarantined')
  expect(listed.body.data.items).toMatchObject([{ event_id: event.id }])
  const metrics = await (await service.app.request('/metrics')).text()
  expect(metrics).toContain('stepledger_webhooks{disposition="quarantined"} 1')
  expect((await verifyTables(db())).drift).toEqual([])
})

test('the sweep goes on over an event that cannot be interpreted, and is not repeated for it', async () => {
  await scheduleSweep(service.context)
  await carryOutDue(service)
  await breakIt()
  const event = await poisoned()
  const other = wizard(service)
  await other.to('createCustomer')
  await service.stripe.customers.update(other.of.customerId, { name: 'Fine' })
  clock.nowMs += 3_600_000
  await carryOutDue(service)
  expect(await row(event.id)).toMatchObject({ disposition: 'quarantined' })
  expect((await history(service.stripe)).length).toBe(
    (await db().reader.selectFrom('stripe_events').select('event_id').execute()).length,
  )
  const [sweep, ...more] = await db()
    .reader.selectFrom('effects')
    .select(['status', 'last_error', 'params'])
    .where('kind', '=', 'sweep_events')
    .execute()
  expect(more).toEqual([])
  expect(sweep).toMatchObject({ status: 'pending', last_error: null })
  expect(JSON.parse(sweep?.params ?? '{}').since).toBeGreaterThan(event.created)
})

test('once the code is mended, a quarantined event is interpreted again and released; before, it stays', async () => {
  await breakIt()
  const event = await poisoned()
  await deliver(service, event)
  expect(await retry(event.id)).toMatchObject({ status: 409, body: { error: { code: 'conflict' } } })
  expect(await row(event.id)).toMatchObject({ disposition: 'quarantined' })
  await mendIt()
  expect(await retry(event.id)).toMatchObject({ status: 200, body: { data: { disposition: 'released' } } })
  expect(await customerName()).toBe('Poison')
  expect((await verifyTables(db())).drift).toEqual([])
  expect(await retry(event.id)).toMatchObject({ status: 409 })
})

test('a parked event that cannot be interpreted keeps neither the customer nor the other events back', async () => {
  const stranger = wizard(service)
  await stranger.start()
  const made = await service.stripe.customers.create({
    email: 'ada@example.com',
    metadata: {
      tenant_id: stranger.of.tenantId,
      session_id: stranger.of.sessionId,
      stepledger_key: `stepledger:${stranger.of.sessionId}:create_customer:1`,
    },
  })
  const at = Math.floor(clock.nowMs / 1000)
  const bad = eventOf(
    'invoice.created',
    { id: 'in_bad', object: 'invoice', customer: made.id, currency: 'usd' },
    { created: at },
  )
  const good = eventOf(
    'payment_method.attached',
    { id: 'pm_good', object: 'payment_method', customer: made.id, type: 'card', created: at, card: {} },
    { created: at },
  )
  for (const event of [bad, good]) await deliver(service, event)
  expect(await row(bad.id)).toMatchObject({ disposition: 'parked' })
  await db().transact((trx) =>
    sql
      .raw(`create trigger broken before insert on billing_invoices begin select raise(abort, 'a bug'); end`)
      .execute(trx),
  )
  const created = (await history(service.stripe)).find(
    ({ type, data }) => type === 'customer.created' && (data.object as { id: string }).id === made.id,
  )
  expect(await deliver(service, created ?? '')).toMatchObject({ status: 200 })
  expect(await row(good.id)).toMatchObject({ disposition: 'released', tenant_id: stranger.of.tenantId })
  expect(await row(bad.id)).toMatchObject({
    disposition: 'quarantined',
    reason: expect.stringContaining('a bug'),
  })
  expect(await stranger.createCustomer()).toMatchObject({ status: 200 })
  await db().transact((trx) => sql.raw('drop trigger broken').execute(trx))
  expect(await retry(bad.id)).toMatchObject({ status: 200, body: { data: { disposition: 'released' } } })
  expect((await verifyTables(db())).drift).toEqual([])
})

test('a database that is away says nothing about the event: 503, nothing stored, and it is taken when it comes again', async () => {
  const event = await poisoned()
  const { transact } = db()
  for (const error of [
    new AppError('database_busy', 'busy', { retryAfterSeconds: 1 }),
    Object.assign(new Error('gone'), { code: 'ECONNRESET' }),
  ]) {
    Object.assign(db(), { transact: () => Promise.reject(error) })
    expect(await deliver(service, event)).toMatchObject({ status: 503 })
  }
  Object.assign(db(), { transact })
  expect(await row(event.id)).toBeUndefined()
  expect(await deliver(service, event)).toMatchObject({ status: 200 })
  expect(await row(event.id)).toMatchObject({ disposition: 'applied' })
})

test.each(eachDatabase)(
  'a signed event that is odd is refused or quarantined, never a fault, and stops no sweep: $name',
  async ({ create }) => {
    await service.close()
    const database = await create()
    await opened({ DATABASE_URL: database.url })
    onTestFinished(() => database.close())
    const about = { object: 'customer', customer: tenant.of.customerId }
    let deep: object = {}
    for (let level = 0; level < 5000; level += 1) deep = { a: deep }
    for (const [what, event] of [
      ['time 1e15', eventOf('customer.updated', { id: 'cus_x', ...about }, { created: 1e15 })],
      ['no time', eventOf('customer.updated', { id: 'cus_x', ...about }, { created: 'now' })],
      ['event id no string', eventOf('customer.updated', { id: 'cus_x', ...about }, { id: 7 })],
      ['event id with NUL', eventOf('customer.updated', { id: 'cus_x', ...about }, { id: 'evt_\0' })],
      [
        'event id of 10 kB',
        eventOf('customer.updated', { id: 'cus_x', ...about }, { id: 'e'.repeat(10_000) }),
      ],
      ['5,000 levels', eventOf('customer.updated', { id: 'cus_x', ...about, metadata: deep })],
      ['no object', eventOf('customer.updated', null as never)],
    ] as const)
      expect(await deliver(service, event), what).toMatchObject({ status: 400 })
    for (const [what, object] of [
      ['id no string', { id: 7, object: 'customer' }],
      ['type no string', { id: 'cus_y', object: 7 }],
      ['customer no string', { id: 'in_y', object: 'invoice', customer: 7, currency: 'usd' }],
      ['customer an empty object', { id: 'in_y', object: 'invoice', customer: {}, currency: 'usd' }],
      ['half an emoji', { id: tenant.of.customerId, object: 'customer', name: 'ACME \ud83d', email: '\0' }],
      ['half an emoji in the id', { id: 'cus_\ud83d', object: 'customer' }],
      ['NUL in the id', { id: 'cus_\0', object: 'customer' }],
      ['NUL in the customer', { id: 'in_n', object: 'invoice', customer: 'cus_\0' }],
      [
        'an id of 20 kB',
        { id: `price_${'x'.repeat(20_000)}`, object: 'price', unit_amount: 1, currency: 'usd' },
      ],
      ['metadata a number', { id: tenant.of.customerId, object: 'customer', metadata: 7 }],
      ['tenant id an object', { id: 'cus_z', object: 'customer', metadata: { tenant_id: {} } }],
      ['items null', { id: 'sub_z', object: 'subscription', customer: tenant.of.customerId, items: null }],
    ] as const) {
      const event = eventOf('customer.updated', object)
      expect(await deliver(service, event), what).toMatchObject({ status: 200 })
      expect(await row(event.id), what).toBeDefined()
    }
    await service.stripe.customers.update(tenant.of.customerId, { name: 'Still works' })
    await scheduleSweep(service.context)
    await carryOutDue(service)
    await settled(service)
    expect((await verifyTables(db())).drift).toEqual([])
  },
)
