import { existsSync, readFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { sql } from 'kysely'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { openDatabase } from '../../src/db/database.ts'
import { buildPast } from '../../src/ops/past.ts'
import { verify } from '../../src/ops/verify.ts'
import { replay } from '../../src/projections/replay.ts'
import { createPostgres, testKeys } from '../support/databases.ts'
import { type Reply, type Service, startService } from '../support/service.ts'
import { carryOutDue, settled, type Wizard, wizard } from '../support/wizard.ts'

/** Every text that the tenant gives has this in it, in any case. */
const canary = /canary|4915112345678/i
const person = {
  email: 'canary@example.com',
  name: 'Canary Nightingale',
  company_name: 'Canary Works',
  phone: '+4915112345678',
}
const returnUrl = 'http://localhost:8080/canary'

const databases = [
  { name: 'SQLite', create: async () => ({ url: undefined, close: async () => {} }) },
  { name: 'PostgreSQL', create: createPostgres },
]

describe.each(databases)('on $name', ({ name, create }) => {
  let service: Service
  let database: { url: string | undefined; close(): Promise<void> }
  let tenant: Wizard
  beforeEach(async () => {
    database = await create()
    service = await startService({
      webhooks: true,
      environment: database.url === undefined ? {} : { DATABASE_URL: database.url },
    })
    tenant = wizard(service)
  })
  afterEach(async () => {
    await service.close()
    await database.close()
  })

  const erase = (body: object = {}, tenantId = tenant.of.tenantId) =>
    service.request('POST', `/admin/tenants/${tenantId}/erase`, body)
  const get = (path: string) => service.request('GET', path)
  const rowsOf = async (table: string) =>
    (
      await sql<Record<string, unknown>>`
        select * from ${sql.table(table)} where tenant_id = ${tenant.of.tenantId}`.execute(
        service.context.db.reader,
      )
    ).rows
  const position = async () =>
    (
      await sql<{ p: number }>`select max(position) as p from billing_events`.execute(
        service.context.db.reader,
      )
    ).rows[0]?.p ?? 0

  async function starts(headers: Record<string, string> = {}): Promise<Reply> {
    return tenant.start(person, { headers })
  }
  async function hasBought(): Promise<void> {
    await starts()
    expect((await tenant.createCustomer()).status).toBe(200)
    expect((await tenant.setupPayment(returnUrl)).status).toBe(200)
    await tenant.confirmCard()
    expect((await tenant.selectPlan()).status).toBe(200)
    expect((await tenant.createSubscription()).status).toBe(200)
    await settled(service)
  }
  async function isSubscribedNoMore(): Promise<void> {
    const path = `/billing/subscriptions/${tenant.of.subscriptionId}/cancel`
    expect((await service.request('POST', path, { at_period_end: false })).status).toBe(200)
    await settled(service)
  }
  const uses = (quantity = 1) =>
    service.request('POST', '/billing/usage', {
      tenant_id: tenant.of.tenantId,
      usage_type: 'case',
      quantity,
      idempotency_key: 'canary-1',
      metadata: { canary: 'canary' },
    })
  async function invoices(status: 'draft' | 'open'): Promise<string> {
    const { stripe } = service
    const customer = tenant.of.customerId
    const { id = '' } = await stripe.invoices.create({ customer, auto_advance: false })
    await stripe.invoiceItems.create({
      customer,
      invoice: id,
      amount: 900,
      currency: 'usd',
      description: 'Canary',
    })
    if (status === 'open') await stripe.invoices.finalizeInvoice(id, { auto_advance: false })
    await settled(service)
    return id
  }
  async function isClean(): Promise<void> {
    expect(await verify(service.context.db)).toMatchObject({ ok: true, faults: [], drift: [] })
    expect(await replay(service.context.db)).toMatchObject({ ok: true, mended: [] })
  }

  test('a subscribed tenant, and one with money due, is not erased, and the reply says why', async () => {
    await hasBought()
    await uses()
    const draft = await invoices('draft')
    expect(await erase({ forgive: true })).toMatchObject({
      status: 409,
      body: { error: { code: 'conflict', details: { subscription_ids: [tenant.of.subscriptionId] } } },
    })
    expect((await service.stripe.invoices.retrieve(draft)).status, 'nothing was forgiven').toBe('draft')
    await isSubscribedNoMore()
    const refused = await erase()
    expect(refused).toMatchObject({ status: 409, body: { error: { code: 'conflict' } } })
    const { details } = refused.body.error
    expect(details).toMatchObject({ subscription_ids: [], invoice_ids: [draft], pending_effects: [] })
    expect(details.due_cents).toBeGreaterThan(0)
    expect(await rowsOf('erased_tenants')).toEqual([])
    expect(await erase({}, 'nobody')).toMatchObject({ status: 404 })
    expect(await erase({ force: true })).toMatchObject({ status: 422 })
  })

  test('what is due is written off first where that is wanted: usage, drafts and open invoices', async () => {
    await hasBought()
    await isSubscribedNoMore()
    await uses(2)
    const [draft, open] = [await invoices('draft'), await invoices('open')]
    expect(await erase({ forgive: true })).toMatchObject({
      status: 200,
      body: { data: { tenant_id: tenant.of.tenantId, keeps_stripe: false, is_scrubbed: true } },
    })
    for (const id of [draft, open]) expect((await service.stripe.invoices.retrieve(id)).status).toBe('void')
    expect(await rowsOf('billing_usage_records')).toMatchObject([
      { quantity: 2, voided_at: expect.any(String), metadata: null, idempotency_key: null },
    ])
    await isClean()
  })

  test('a call whose outcome is not known stands in the way, and is named', async () => {
    await starts()
    await service.sandbox.close()
    expect((await tenant.createCustomer()).status).toBe(503)
    expect(await erase({ forgive: true })).toMatchObject({
      status: 409,
      body: { error: { details: { pending_effects: [{ kind: 'onboarding_call' }] } } },
    })
  })

  test('nothing of an erased tenant can be read: not in the tables, the files, or its past', async () => {
    await hasBought()
    await service.stripe.customers.update(tenant.of.customerId, {
      address: { line1: 'Canary Street 1', city: 'Canary' },
      metadata: { canary: 'canary' },
    })
    await uses()
    await service.request(
      'POST',
      '/billing/customers',
      { tenant_id: tenant.of.tenantId, email: person.email, name: person.name },
      { headers: { 'Idempotency-Key': 'canary' } },
    )
    await isSubscribedNoMore()
    const before = await position()
    expect(JSON.stringify(await dump())).toMatch(canary)
    if (name === 'SQLite') expect(files()).toMatch(canary)
    await isClean()

    expect(await erase({ forgive: true })).toMatchObject({
      status: 200,
      body: { data: { is_scrubbed: true } },
    })
    // Stripe goes on to speak of it: of a change that nobody here has made, and of the deletion.
    await service.stripe.customers.update(tenant.of.customerId, { name: 'Canary the Late' })
    await settled(service)
    await carryOutDue(service)
    await settled(service)
    expect(await service.stripe.customers.retrieve(tenant.of.customerId)).toMatchObject({ deleted: true })

    expect(await rowsOf('billing_customers')).toMatchObject([
      { email: null, name: null, phone: null, is_deleted: 1 },
    ])
    expect(await rowsOf('subject_keys')).toEqual([])
    expect(JSON.stringify(await dump())).not.toMatch(canary)
    expect(service.logLines.join('\n')).not.toMatch(canary)
    await isClean()
    if (name === 'SQLite') expect(files()).not.toMatch(canary)

    const file = join(service.directory, 'past.db')
    await buildPast(service.context.db, String(before), file)
    const past = openDatabase(`file:${file}`, testKeys())
    const [customer] = await past.reader.selectFrom('billing_customers').selectAll().execute()
    expect(customer).toMatchObject({ tenant_id: tenant.of.tenantId, email: null, name: null, phone: null })
    await past.close()
    expect(bytes(file)).not.toMatch(canary)
    await rm(file)
  })

  test('an erased tenant is unknown, except to operators, who see since when', async () => {
    await hasBought()
    const { tenantId, subscriptionId } = tenant.of
    const key = await service.tenantKey(tenantId)
    await isSubscribedNoMore()
    const { erased_at } = (await erase({ keep_stripe: true })).body.data
    const gone = {
      status: 404,
      body: { error: { message: expect.stringContaining('erased'), details: { erased_at } } },
    }
    for (const path of [
      `/billing/status/tenant/${tenantId}`,
      `/billing/customers/tenant/${tenantId}`,
      `/billing/subscriptions/tenant/${tenantId}`,
      `/billing/invoices/tenant/${tenantId}`,
      `/billing/payment-methods/tenant/${tenantId}`,
      `/billing/usage/tenant/${tenantId}/summary`,
      `/onboarding/${tenant.of.sessionId}`,
    ])
      expect(await get(path), path).toMatchObject(gone)
    expect(await uses()).toMatchObject({ status: 404 })
    const again = { tenant_id: tenantId, email: 'b@example.com', name: 'B' }
    expect(await service.request('POST', '/billing/customers', again)).toMatchObject({ status: 409 })
    for (const ended of [key, tenant.of.token])
      expect(
        await service.request('GET', `/onboarding/${tenant.of.sessionId}`, undefined, { key: ended }),
      ).toMatchObject({ status: 401 })
    expect(await get(`/admin/tenants/${tenantId}`)).toMatchObject({
      status: 200,
      body: {
        data: { erased_at, customer: { email: null }, subscriptions: [{ subscription_id: subscriptionId }] },
      },
    })
    expect(await get('/admin/tenants')).toMatchObject({
      body: { data: { items: [{ tenant_id: tenantId, erased_at }] } },
    })
    expect(await get('/admin/tenants?query=canary')).toMatchObject({ body: { data: { items: [] } } })
    expect((await service.stripe.customers.retrieve(tenant.of.customerId)).deleted).toBeUndefined()
  })

  test('a start under the key of before makes no new tenant and gives no token', async () => {
    const first = await starts({ 'Idempotency-Key': 'first' })
    expect((await erase()).status).toBe(200)
    expect(await rowsOf('onboarding_sessions')).toMatchObject([{ status: 'cancelled' }])
    const startsAgain = (key: string, other: object = {}) =>
      wizard(service).start({ ...person, ...other }, { headers: { 'Idempotency-Key': key } })
    const again = await startsAgain('first')
    expect(again).toMatchObject({ status: 409, body: { error: { code: 'conflict' } } })
    expect(JSON.stringify(again.body)).not.toContain(first.body.data.session_token)
    expect(await startsAgain('first', { name: 'Other' })).toMatchObject({
      status: 409,
      body: { error: { code: 'idempotency_mismatch' } },
    })
    expect((await get('/admin/tenants')).body.data.items).toHaveLength(1)
    // Whoever comes back is somebody new.
    expect((await startsAgain('second')).body.data.tenant_id).not.toBe(tenant.of.tenantId)
  })

  test('two erasures at once, and one after, answer the same and erase once', async () => {
    await hasBought()
    await isSubscribedNoMore()
    const open = await invoices('open')
    const both = await Promise.all([erase({ forgive: true }), erase({ forgive: true })])
    const third = await erase({ keep_stripe: true })
    for (const reply of [...both, third])
      expect(reply.body.data, JSON.stringify(reply.body)).toEqual(both[0]?.body.data)
    expect((await service.stripe.invoices.retrieve(open)).status).toBe('void')
    const { rows } = await sql`select 1 from billing_events where type = 'tenant.erased'`.execute(
      service.context.db.reader,
    )
    expect(rows).toHaveLength(1)
  })

  test('a webhook at the same moment leaves nothing readable, whichever comes first', async () => {
    await starts()
    await tenant.createCustomer()
    await settled(service)
    for (let turn = 0; turn < 5; turn += 1)
      await service.stripe.customers.update(tenant.of.customerId, { name: `Canary ${turn}` })
    const [reply] = await Promise.all([erase({ keep_stripe: true }), service.sandbox.deliverDue()])
    expect(reply.status).toBe(200)
    await settled(service)
    expect(await rowsOf('billing_customers')).toMatchObject([{ name: null, email: null }])
    expect(await rowsOf('subject_keys')).toEqual([])
    expect(JSON.stringify(await dump())).not.toMatch(canary)
    await isClean()
  })

  test('a customer that is made at Stripe for an erased tenant is kept without its texts', async () => {
    await starts()
    await erase()
    await service.stripe.customers.create({
      name: 'Canary Again',
      email: 'canary2@example.com',
      metadata: { tenant_id: tenant.of.tenantId },
    })
    await settled(service)
    expect(await rowsOf('billing_customers')).toMatchObject([{ name: null, email: null }])
    expect(await rowsOf('subject_keys')).toEqual([])
    const { rows } = await sql`select subject from subject_keys where subject like 'customer:%'`.execute(
      service.context.db.reader,
    )
    expect(rows).toEqual([])
  })

  test('an open stream ends with the cancellation, and its token with it', async () => {
    await starts()
    const stream = await service.app.request(`/api/v1/onboarding/${tenant.of.sessionId}/stream`, {
      headers: { 'X-API-Key': tenant.of.token },
    })
    expect(stream.status).toBe(200)
    const text = stream.text()
    expect((await erase()).status).toBe(200)
    expect(await text).toMatch(/event: onboarding\.cancelled/)
    expect(await text).not.toMatch(canary)
  })

  const files = () =>
    bytes(join(service.directory, 'test.db')) + bytes(join(service.directory, 'test.db-wal'))

  /** Every row of every table that may have something of a tenant's. */
  async function dump(): Promise<unknown[]> {
    const tables = ['billing_events', 'effects', 'idempotency_keys', 'api_keys', 'stripe_events']
    tables.push('billing_customers', 'billing_invoices', 'billing_payment_methods', 'billing_usage_records')
    tables.push('billing_subscriptions', 'onboarding_sessions', 'people')
    const all = await Promise.all(
      tables.map((table) => sql`select * from ${sql.table(table)}`.execute(service.context.db.reader)),
    )
    return all.map(({ rows }) => rows)
  }
})

test('while somebody reads, the reply says that old pages are left; the same request again wipes them', async () => {
  const service = await startService()
  try {
    const tenant = wizard(service)
    await tenant.start(person)
    const path = `/admin/tenants/${tenant.of.tenantId}/erase`
    const reading = Promise.withResolvers<void>()
    const begun = Promise.withResolvers<void>()
    const reader = service.context.db.reader.transaction().execute(async (trx) => {
      await trx.selectFrom('billing_events').selectAll().execute()
      begun.resolve()
      await reading.promise
    })
    await begun.promise
    expect((await service.request('POST', path, {})).body.data).toMatchObject({ is_scrubbed: false })
    reading.resolve()
    await reader
    expect((await service.request('POST', path, {})).body.data).toMatchObject({ is_scrubbed: true })
  } finally {
    await service.close()
  }
}, 20_000)

const bytes = (file: string) => (existsSync(file) ? readFileSync(file, 'latin1') : '')
