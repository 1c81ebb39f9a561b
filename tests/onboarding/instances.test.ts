import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openDatabase } from '../../src/db/database.ts'
import { append } from '../../src/log/append.ts'
import { readFacts } from '../../src/log/read.ts'
import { createPostgres, type TestDatabase, testKeys } from '../support/databases.ts'
import { usageRecorded } from '../support/facts.ts'
import type { Reply } from '../support/requests.ts'
import { type Service, startService } from '../support/service.ts'
import { factsOf, requestsTo, type Wizard, wizard } from '../support/wizard.ts'

/** Two instances of the service on one PostgreSQL, against one Stripe. */
let database: TestDatabase
let one: Service
let two: Service

beforeAll(async () => {
  database = await createPostgres()
  const environment = { DATABASE_URL: database.url }
  one = await startService({ environment })
  two = await startService({ environment, sandbox: one.sandbox, catalogue: false })
})
afterAll(async () => {
  await two.close()
  await one.close()
  await database.close()
})

const other = (tenant: Wizard): Wizard => {
  const elsewhere = wizard(two)
  Object.assign(elsewhere.of, tenant.of)
  return elsewhere
}

test.each([
  ['create-customer', 'start', '/v1/customers', (tenant: Wizard) => tenant.createCustomer()],
  ['setup-payment', 'createCustomer', '/v1/setup_intents', (tenant: Wizard) => tenant.setupPayment()],
  ['create-subscription', 'selectPlan', '/v1/subscriptions', (tenant: Wizard) => tenant.createSubscription()],
] as const)('%s on both at once is one effect at Stripe', async (_name, before, path, step) => {
  const tenant = wizard(one)
  await tenant.to(before)
  const asked = (await requestsTo(one, 'POST', path)).length
  one.sandbox.faults.add({ method: 'POST', path, kind: 'delay', delayMs: 100 })
  const replies = await Promise.all([step(tenant), step(other(tenant)), step(tenant), step(other(tenant))])
  for (const reply of replies) {
    expect([200, 409], JSON.stringify(reply.body)).toContain(reply.status)
    if (reply.status === 409) expect(Number(reply.headers.get('Retry-After'))).toBeGreaterThan(0)
  }
  expect(replies.some(({ status }) => status === 200)).toBe(true)
  expect(await step(tenant)).toMatchObject({ status: 200 })
  expect(await step(other(tenant))).toMatchObject({ status: 200 })
  expect((await requestsTo(one, 'POST', path)).length - asked).toBe(1)
})

test('all steps, each on both at once, lead to one customer, one subscription and one log', async () => {
  const tenant = wizard(one)
  await tenant.start()
  const twice = async (step: (tenant: Wizard) => Promise<Reply>) => {
    const elsewhere = other(tenant)
    await Promise.all([step(tenant), step(elsewhere)])
    expect(await step(tenant)).toMatchObject({ status: 200 })
  }
  await twice((each) => each.createCustomer())
  await twice((each) => each.setupPayment())
  await tenant.confirmCard()
  await twice((each) => each.selectPlan())
  await twice((each) => each.createSubscription())
  await twice((each) => each.complete())
  expect(await factsOf(two, tenant.of.sessionId)).toEqual([
    'started',
    'customer_requested',
    'customer_created',
    'payment_setup_requested',
    'payment_setup_created',
    'payment_confirmed',
    'plan_selected',
    'subscription_requested',
    'subscription_created',
    'completed',
  ])
  const customers = await one.stripe.customers.list({ limit: 100 })
  const own = customers.data.filter(({ metadata }) => metadata.tenant_id === tenant.of.tenantId)
  expect(own).toHaveLength(1)
})

test('every reader of the log sees every position exactly once and in order, whoever appends', async () => {
  const stores = [openDatabase(database.url, testKeys()), openDatabase(database.url, testKeys())]
  const first = await lastPosition()
  const writers = stores.flatMap((db, instance) =>
    [0, 1, 2].map(async (writer) => {
      for (let index = 0; index < 15; index += 1)
        await db.transact(async (trx) => {
          const fact = usageRecorded(`usg_${instance}_${writer}_${index}`, index)
          await append(trx, `usage-${instance}-${writer}`, 'any', [fact], '2026-01-01T00:00:00.000Z')
          // A transaction that takes its position early and commits late.
          if (writer === 0) await sleep(Math.random() * 5)
        })
    }),
  )
  let isWriting = true
  const read = async (db: (typeof stores)[number]) => {
    const seen: number[] = []
    for (let isLast = false; !isLast; ) {
      isLast = !isWriting
      for await (const { position } of readFacts(db.reader, { after: seen.at(-1) ?? first }))
        seen.push(position)
      await sleep(1)
    }
    return seen
  }
  const readers = [...stores, ...stores].map(read)
  await Promise.all(writers)
  isWriting = false
  const expected = Array.from({ length: 2 * 3 * 15 }, (_, index) => first + 1 + index)
  for (const seen of await Promise.all(readers)) expect(seen).toEqual(expected)
  for (const db of stores) await db.close()
})

async function lastPosition(): Promise<number> {
  const { reader } = one.context.db
  const rows = await reader.selectFrom('billing_events').select('position').execute()
  return Math.max(...rows.map(({ position }) => position))
}
