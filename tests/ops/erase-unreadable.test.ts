import { existsSync, readFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { sql } from 'kysely'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { openDatabase } from '../../src/db/database.ts'
import { buildPast } from '../../src/ops/past.ts'
import { testKeys } from '../support/databases.ts'
import { canary, type Erasing, eachErasing, person } from '../support/erasing.ts'
import { startService } from '../support/service.ts'
import { settled, wizard } from '../support/wizard.ts'

describe.each(eachErasing)('on $name', ({ name, start }) => {
  let it: Erasing
  beforeEach(async () => {
    it = await start()
  })
  afterEach(() => it.close())

  test('nothing of an erased tenant can be read: not in the tables, the files, or its past', async () => {
    const { service, tenant, rowsOf, erase, hasBought, isSubscribedNoMore, uses, isClean } = it
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
    const before = await position(it)
    expect(JSON.stringify(await dump(it))).toMatch(canary)
    if (name === 'SQLite') expect(files(it)).toMatch(canary)
    await isClean()

    // Stripe goes on to speak of it: of a change that nobody here has made, then of the deletion.
    service.sandbox.faults.add({ method: 'DELETE', path: '/v1/customers/:id', kind: '429', count: 9 })
    expect(await erase({ forgive: true })).toMatchObject({
      status: 200,
      body: { data: { is_scrubbed: true } },
    })
    await service.stripe.customers.update(tenant.of.customerId, { name: 'Canary the Late' })
    await settled(service)
    service.sandbox.faults.clear()
    await service.context.effects.run(await deletionId(it))
    await settled(service)
    expect(await service.stripe.customers.retrieve(tenant.of.customerId)).toMatchObject({ deleted: true })

    expect(await rowsOf('billing_customers')).toMatchObject([
      { email: null, name: null, phone: null, is_deleted: 1 },
    ])
    expect(await rowsOf('subject_keys')).toEqual([])
    expect(JSON.stringify(await dump(it))).not.toMatch(canary)
    expect(service.logLines.join('\n')).not.toMatch(canary)
    await isClean()
    if (name === 'SQLite') expect(files(it)).not.toMatch(canary)

    const file = join(service.directory, 'past.db')
    await buildPast(service.context.db, String(before), file)
    const past = openDatabase(`file:${file}`, testKeys())
    const [customer] = await past.reader.selectFrom('billing_customers').selectAll().execute()
    expect(customer).toMatchObject({ tenant_id: tenant.of.tenantId, email: null, name: null, phone: null })
    await past.close()
    expect(bytes(file)).not.toMatch(canary)
    await rm(file)
  })

  test('a webhook at the same moment leaves nothing readable, whichever comes first', async () => {
    const { service, tenant, rowsOf, starts, erase, isClean } = it
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
    expect(JSON.stringify(await dump(it))).not.toMatch(canary)
    await isClean()
  })

  test('a customer that is made at Stripe for an erased tenant is kept without its texts', async () => {
    const { service, tenant, rowsOf, starts, erase } = it
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
    const { service, tenant, starts, erase } = it
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
})

const files = ({ service: { directory } }: Erasing) =>
  bytes(join(directory, 'test.db')) + bytes(join(directory, 'test.db-wal'))

const deletionId = async ({ service }: Erasing) => {
  const { effect_id } = await service.context.db.reader
    .selectFrom('effects')
    .select('effect_id')
    .where('kind', '=', 'delete_customer')
    .where('status', '=', 'pending')
    .executeTakeFirstOrThrow()
  return effect_id
}

const position = async ({ service }: Erasing) =>
  (await sql<{ p: number }>`select max(position) as p from billing_events`.execute(service.context.db.reader))
    .rows[0]?.p ?? 0

/** Every row of every table that may have something of a tenant's. */
async function dump({ service }: Erasing): Promise<unknown[]> {
  const tables = ['billing_events', 'effects', 'idempotency_keys', 'api_keys', 'stripe_events']
  tables.push('billing_customers', 'billing_invoices', 'billing_payment_methods', 'billing_usage_records')
  tables.push('billing_subscriptions', 'onboarding_sessions', 'people')
  const all = await Promise.all(
    tables.map((table) => sql`select * from ${sql.table(table)}`.execute(service.context.db.reader)),
  )
  return all.map(({ rows }) => rows)
}

const bytes = (file: string) => (existsSync(file) ? readFileSync(file, 'latin1') : '')
