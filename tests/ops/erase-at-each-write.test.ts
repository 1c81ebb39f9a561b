import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { cp, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Stripe from 'stripe'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { readConfig } from '../../src/config.ts'
import { type Database, openDatabase } from '../../src/db/database.ts'
import { releaseLeases } from '../../src/effects/effects.ts'
import { createContext } from '../../src/main.ts'
import { erase } from '../../src/ops/erase.ts'
import { exportTenant } from '../../src/ops/export-tenant.ts'
import { verify } from '../../src/ops/verify.ts'
import { operationsUnderWay } from '../../src/outbox/under-way.ts'
import { refoldSessions } from '../../src/projections/onboarding-sessions.ts'
import { startSandbox } from '../../src/stripe-sandbox/sandbox.ts'
import { eachDatabase, type TestDatabase, templateOf, testKey, testKeys } from '../support/databases.ts'
import type { Order, Report } from '../support/erase-until-killed.ts'
import { oneFile } from '../support/one-file.ts'
import { projectedRows } from '../support/rows.ts'
import { startService } from '../support/service.ts'
import { compileCache } from '../support/service-process.ts'
import { settled, wizard } from '../support/wizard.ts'

/** In every text that the tenant has given. */
const canary = /canary/i

let program: Awaited<ReturnType<typeof oneFile>>
beforeAll(async () => {
  program = await oneFile(new URL('../support/erase-until-killed.ts', import.meta.url))
})
afterAll(() => program.remove())

/** Deferred as they come, and undone after the test, the last one first. */
let opened = new AsyncDisposableStack()
afterEach(async () => {
  await opened.disposeAsync()
  opened = new AsyncDisposableStack()
})

describe.each(eachDatabase)('on $name', ({ create }) => {
  test('killed at each of its writes, an erasure has happened or has not; asked again, it ends the same', async () => {
    const origin = await prepared(create)
    const outcomes: string[] = []
    let next = born()
    opened.defer(() => void next.kill('SIGKILL'))
    for (let killAt = 1, isOver = false; !isOver; killAt += 1) {
      await using life = new AsyncDisposableStack()
      const { url, remove } = await origin.copy()
      life.defer(remove)
      const directory = await mkdtemp(join(tmpdir(), 'stepledger-killed-'))
      life.defer(() => rm(directory, { recursive: true, force: true }))
      await cp(origin.sandboxFile, join(directory, 'sandbox.db'))
      const sandbox = await startSandbox({
        file: join(directory, 'sandbox.db'),
        clock: () => origin.nowMs,
      })
      life.defer(sandbox.close)

      const child = next
      next = born()
      const environment = {
        DATABASE_URL: url,
        PERSONAL_DATA_KEY: testKey.toString('base64'),
        STRIPE_SECRET_KEY: 'sk_test_of_the_tests',
        STRIPE_API_BASE: sandbox.url,
      }
      const { answer, points } = await lived(child, { environment, tenantId: origin.tenantId, killAt })
      isOver = points !== undefined
      if (isOver) expect(points, 'each of them was killed at').toBe(killAt - 1)

      const database = openDatabase(url, testKeys())
      life.defer(database.close)
      const context = createContext({ config: readConfig(environment), db: database, log: origin.log })
      // As a start does, so long after the kill that its leases are over. This process and the killed one were each transformed, and their statecharts with them.
      await database.transact(releaseLeases)
      await database.transact(refoldSessions)
      const isErased = await erasedWholly(database, origin)
      if (answer !== undefined) expect(isErased, 'what was acknowledged has happened').toBe(true)

      const { tenantId } = origin
      const again = await erase(context, { actor: 'cli' }, { tenantId, forgive: true, keepStripe: false })
      expect(again).toMatchObject({ keeps_stripe: false, is_scrubbed: true })
      if (answer !== undefined) expect(again).toEqual(answer)
      for (const { key } of await operationsUnderWay(database.reader, tenantId))
        await context.effects.run(key)
      expect(await erasedWholly(database, origin)).toBe(true)
      expect(await verify(database)).toMatchObject({ ok: true, faults: [], drift: [] })
      if (database.dialect === 'sqlite') expect(filesOf(url)).not.toMatch(canary)
      outcomes.push(await outcomeOf(database, stripeAt(sandbox.url), origin))
    }
    console.log(`killed at ${outcomes.length - 1} points`)
    expect(outcomes.length).toBeGreaterThan(30)
    for (const [index, outcome] of outcomes.entries())
      expect(outcome, `killed at ${index + 1}`).toBe(outcomes.at(-1))
  }, 600_000)
})

const born = () => fork(program.path, { env: { ...process.env, ...compileCache } })

const stripeAt = (url: string) => {
  const { hostname: host, port } = new URL(url)
  return new Stripe('sk_test_of_the_tests', { protocol: 'http', host, port, telemetry: false })
}

type Origin = Awaited<ReturnType<typeof prepared>>

/** A tenant with an open session, a customer, usage that no invoice has, and a draft. */
async function prepared(create: () => Promise<TestDatabase>) {
  const database = await create()
  opened.defer(database.close)
  const directory = await mkdtemp(join(tmpdir(), 'stepledger-origin-'))
  opened.defer(() => rm(directory, { recursive: true, force: true }))
  const service = await startService({
    directory,
    webhooks: true,
    environment: { DATABASE_URL: database.url },
  })
  const tenant = wizard(service)
  await tenant.start({
    email: 'canary@example.com',
    name: 'Canary Nightingale',
    company_name: 'Canary Works',
  })
  expect((await tenant.createCustomer()).status).toBe(200)
  const { customerId: customer, tenantId } = tenant.of
  const { id: draft = '' } = await service.stripe.invoices.create({ customer, auto_advance: false })
  const description = 'Canary'
  await service.stripe.invoiceItems.create({
    customer,
    invoice: draft,
    amount: 900,
    currency: 'usd',
    description,
  })
  const used = { tenant_id: tenantId, usage_type: 'case', quantity: 1, metadata: { canary: 'canary' } }
  expect((await service.request('POST', '/billing/usage', used)).status).toBe(200)
  await service.tenantKey(tenantId)
  await settled(service)
  const { facts } = await exported(service.context.db, tenantId)
  expect(JSON.stringify(facts)).toMatch(canary)
  await service.close()
  return {
    copy: await templateOf(database),
    sandboxFile: join(directory, 'sandbox.db'),
    log: service.context.log,
    /** At Stripe, whose times are in the ids of facts. */
    nowMs: Date.now() + 60_000,
    tenantId,
    customer,
    draft,
    facts,
  }
}

/** Gives the order and waits for the end: its own, or the kill. */
async function lived(child: ChildProcess, order: Order) {
  const told: { answer?: object; points?: number } = {}
  child.on('message', (report: Report) => Object.assign(told, report))
  const ended = Promise.all([once(child, 'exit'), once(child, 'disconnect')])
  child.send(order)
  const [[code, signal]] = await ended
  expect([code, signal]).toEqual(told.points === undefined ? [null, 'SIGKILL'] : [0, null])
  return told
}

async function exported(db: Database, tenantId: string) {
  let text = ''
  await exportTenant(db, tenantId, new Date(), async (part) => {
    text += part
  })
  return JSON.parse(text) as { facts: { type: string; fact_id: string }[]; tables: Record<string, object[]> }
}

/** There is no third: the fact without keys and without a text, or every text of before and no fact. */
async function erasedWholly(db: Database, { tenantId, facts: before }: Origin): Promise<boolean> {
  const { facts, tables } = await exported(db, tenantId)
  const erasures = facts.filter(({ type }) => type === 'tenant.erased')
  if (erasures.length === 0) {
    expect(facts.slice(0, before.length)).toEqual(before)
    expect(tables.people).toMatchObject([{ name: 'Canary Nightingale', company_name: 'Canary Works' }])
    expect(tables.billing_usage_records).toMatchObject([{ metadata: expect.stringMatching(canary) }])
    expect(tables.billing_customers).toMatchObject([{ name: 'Canary Nightingale' }])
    expect(tables.erased_tenants).toEqual([])
    expect(tables.api_keys).toMatchObject([{ revoked_at: null }, { revoked_at: null }])
    return false
  }
  expect(erasures).toHaveLength(1)
  expect(tables.subject_keys).toEqual([])
  expect(JSON.stringify({ facts, tables })).not.toMatch(canary)
  expect(tables.billing_customers).toMatchObject([{ name: null, email: null, phone: null }])
  expect(tables.erased_tenants).toHaveLength(1)
  expect(JSON.stringify(tables.api_keys)).not.toContain('"revoked_at":null')
  return true
}

/** All that must not depend on the kill: each fact, each row, what Stripe was asked for. Times of ours do, and attempts. */
async function outcomeOf(
  db: Database,
  stripe: Stripe,
  { tenantId, customer, draft }: Origin,
): Promise<string> {
  const { facts } = await exported(db, tenantId)
  const deletions = await stripe.events.list({ type: 'customer.deleted' })
  const voided = await stripe.events.list({ type: 'invoice.voided' })
  const effects = await db.reader
    .selectFrom('effects')
    .select(['effect_id', 'status', 'last_error'])
    .orderBy('effect_id')
    .execute()
  const outcome = {
    facts: facts.map(({ type, fact_id }) => ({ type, fact_id })),
    rows: await projectedRows(db.reader),
    effects,
    customer: await stripe.customers.retrieve(customer),
    deletions: deletions.data.length,
    draft: (await stripe.invoices.retrieve(draft)).status,
    voided: voided.data.length,
  }
  expect(outcome).toMatchObject({ customer: { deleted: true }, deletions: 1, draft: 'void', voided: 1 })
  // Of a customer that is gone already, Stripe does not say since when.
  return JSON.stringify(outcome)
    .replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'time')
    .replaceAll(/(?<="as_of":|delete_customer:\w+:\w+:)\d+/g, 'time')
}

function filesOf(url: string): string {
  const path = url.slice('file:'.length)
  return [path, `${path}-wal`].map((file) => (existsSync(file) ? readFileSync(file, 'latin1') : '')).join()
}
