import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { streams } from '../../src/log/facts.ts'
import { readFacts } from '../../src/log/read.ts'
import { openFact } from '../../src/log/subject.ts'
import { recordCalls } from '../../src/usage/record-calls.ts'
import { eachDatabase } from '../support/databases.ts'
import { newFact, recordAll } from '../support/facts.ts'
import { type TestApp, testApp } from '../support/test-app.ts'

describe.each(eachDatabase)('on $name', ({ create }) => {
  let t: TestApp
  beforeEach(async () => {
    t = await testApp({ database: create })
  })
  afterEach(() => t.close())

  const usage = (more: Record<string, unknown> = {}) => ({
    tenant_id: 'tenant_a',
    usage_type: 'case',
    quantity: 1,
    ...more,
  })
  const recordedFacts = async () => Array.fromAsync(readFacts(t.db.reader, { type: 'usage.recorded' }))

  describe('one record', () => {
    test('is answered as it was recorded, and stands in the log and in the table', async () => {
      const { status, body } = await t.post('/api/v1/billing/usage', {
        ...usage(),
        metadata: { case_id: 'IR-2024-001' },
      })
      expect(status).toBe(200)
      expect(body).toEqual({
        success: true,
        data: {
          record_id: expect.stringMatching(/^usg_/),
          tenant_id: 'tenant_a',
          usage_type: 'case',
          action: 'increment',
          quantity: 1,
          occurred_at: '2026-03-15T12:00:00.000Z',
          recorded_at: '2026-03-15T12:00:00.000Z',
          is_late: false,
          idempotency_key: null,
          metadata: { case_id: 'IR-2024-001' },
        },
      })
      const [fact] = await recordedFacts()
      expect(fact).toMatchObject({ stream: streams.usage('tenant_a'), version: 1, tenant_id: 'tenant_a' })
      expect(fact?.metadata.actor).toMatch(/^key:key_/)
      const rows = await t.db.reader.selectFrom('billing_usage_records').selectAll().execute()
      expect(rows).toMatchObject([{ record_id: body.data.record_id, quantity: 1, is_late: 0 }])
    })

    test('1e400 is refused with 422, what is just within the bounds is taken', async () => {
      const huge = '{"tenant_id":"tenant_a","usage_type":"case","quantity":1e400}'
      const { status, body } = await t.post('/api/v1/billing/usage', huge)
      expect([status, body.error.details.fields[0].path]).toEqual([422, 'quantity'])
      for (const good of [
        { usage_type: 'case', quantity: 1_000_000_000 },
        { usage_type: 'agent', quantity: 1_000_000, action: 'set' },
        { usage_type: 'user', quantity: 0, action: 'set' },
        { usage_type: 'api_call', quantity: 0, action: 'set' },
      ]) {
        const { status, body } = await t.post('/api/v1/billing/usage', usage(good))
        expect([status, body.data?.quantity]).toEqual([200, good.quantity])
      }
    })

    test('a batch of the largest quantities adds up to the cent; a sum beyond 2^53 is refused, not told wrongly', async () => {
      const batch = (usage_type: string) => ({
        records: Array.from({ length: 1000 }, () => usage({ usage_type, quantity: 1_000_000_000 })),
      })
      const summary = () => t.get('/api/v1/billing/usage/tenant/tenant_a/summary')
      expect((await t.post('/api/v1/billing/usage/batch', batch('case'))).status).toBe(200)
      await t.post('/api/v1/billing/usage', usage({ usage_type: 'case', quantity: 1 }))
      const { body } = await summary()
      const line = body.data.usage.find((one: { usage_type: string }) => one.usage_type === 'case')
      expect(line).toMatchObject({ quantity: 1_000_000_000_001, amount_cents: 1_000_000_000_001_000 })
      expect(body.data.totals.amount_cents).toBe(1_000_000_000_001_000)
      await t.post('/api/v1/billing/usage/batch', batch('platform_base'))
      const { status, body: refusal } = await summary()
      expect([status, refusal.error.code]).toEqual([409, 'conflict'])
    })

    test('an unknown type is 422, an unknown tenant 404', async () => {
      expect((await t.post('/api/v1/billing/usage', usage({ usage_type: 'cpu' }))).status).toBe(422)
      const { status, body } = await t.post('/api/v1/billing/usage', usage({ tenant_id: 'nobody' }))
      expect([status, body.error.code]).toEqual([404, 'not_found'])
      expect(await recordedFacts()).toEqual([])
    })

    test('a time with an offset is stored as UTC', async () => {
      const { body } = await t.post(
        '/api/v1/billing/usage',
        usage({ occurred_at: '2026-03-15T13:30:00+02:00' }),
      )
      expect(body.data.occurred_at).toBe('2026-03-15T11:30:00.000Z')
    })

    test('usage of a month whose lines were made is accepted and marked late', async () => {
      const [start, end] = ['2026-02-01T00:00:00.000Z', '2026-03-01T00:00:00.000Z']
      const of = { subscription_id: 'sub_1', start, end, has_base: false }
      const first = { ...of, is_trial: false, anchor: start, counts_from: start, currency: 'usd' }
      const next = { start: end, end: '2026-04-01T00:00:00.000Z', has_base: false }
      const closed = {
        subscription_id: 'sub_1',
        start,
        end,
        dues: [],
        rate_card_id: 'rates_1',
        upto_position: 1,
        next,
      }
      const made = { moment: 'window_end' as const, window_start: start, invoice_id: null, counted: [] }
      await recordAll(t.db, [
        { ...newFact('usage.window_opened', first), tenant_id: 'tenant_a' },
        { ...newFact('usage.window_closed', closed), tenant_id: 'tenant_a' },
      ])
      const at = (occurred_at: string, tenant_id = 'tenant_a') =>
        t.post('/api/v1/billing/usage', usage({ occurred_at, tenant_id }))
      const lastMoment = '2026-02-28T23:59:59.999Z'
      expect((await at(lastMoment)).body.data.is_late, 'closed, and without lines').toBe(false)
      const lines = { ...made, subscription_id: 'sub_1', upto_position: 1 }
      await recordAll(t.db, [{ ...newFact('usage.lines_made', lines), tenant_id: 'tenant_a' }])
      expect((await at(lastMoment)).body.data.is_late).toBe(true)
      expect((await at(end)).body.data.is_late).toBe(false)
      expect((await at('2026-02-20T00:00:00.000Z', 'tenant_b')).body.data.is_late).toBe(false)
    })
  })

  describe("a record's idempotency key", () => {
    const keyed = (more: Record<string, unknown> = {}) => usage({ idempotency_key: 'k1', ...more })

    test('the same key and content answers the first record, at any later time', async () => {
      const first = await t.post('/api/v1/billing/usage', keyed())
      t.clock.now = new Date('2026-03-18T00:00:00.000Z')
      const second = await t.post('/api/v1/billing/usage', keyed({ action: 'increment', metadata: {} }))
      expect(second.status).toBe(200)
      expect(second.body).toEqual(first.body)
      expect(await recordedFacts()).toHaveLength(1)
    })

    test('the same key with other content is 409 and changes nothing', async () => {
      await t.post('/api/v1/billing/usage', keyed())
      for (const other of [
        { quantity: 2 },
        { usage_type: 'user' },
        { action: 'set' },
        { metadata: { a: 1 } },
        { occurred_at: '2026-03-15T12:00:00.000Z' },
      ]) {
        const { status, body } = await t.post('/api/v1/billing/usage', keyed(other))
        expect([status, body.error.code]).toEqual([409, 'idempotency_mismatch'])
      }
      expect(await recordedFacts()).toHaveLength(1)
    })

    test('is of its tenant: the same key of another tenant is another record', async () => {
      await t.post('/api/v1/billing/usage', keyed())
      expect((await t.post('/api/v1/billing/usage', keyed({ tenant_id: 'tenant_b' }))).status).toBe(200)
      expect(await recordedFacts()).toHaveLength(2)
    })

    test('twenty requests with one key at once record it once', async () => {
      const replies = await Promise.all(
        Array.from({ length: 20 }, () => t.post('/api/v1/billing/usage', keyed())),
      )
      expect(new Set(replies.map(({ text }) => text)).size).toBe(1)
      expect(await recordedFacts()).toHaveLength(1)
    })
  })

  describe('a batch', () => {
    const batch = (records: unknown[], key?: string) =>
      t.post('/api/v1/billing/usage/batch', { records }, key === undefined ? {} : { key })

    test('is answered in its order, with the duplicates in it as one', async () => {
      const { body } = await batch([
        usage({ quantity: 3, idempotency_key: 'k' }),
        usage({ tenant_id: 'tenant_b', usage_type: 'agent' }),
        usage({ quantity: 3, idempotency_key: 'k' }),
      ])
      expect(body.data.records.map((one: { tenant_id: string }) => one.tenant_id)).toEqual([
        'tenant_a',
        'tenant_b',
        'tenant_a',
      ])
      expect(body.data.records[2]).toEqual(body.data.records[0])
      expect(await recordedFacts()).toHaveLength(2)
    })

    test('with bad records records nothing and names every one of them by index', async () => {
      const { status, body } = await batch([
        usage(),
        usage({ quantity: 0 }),
        usage({ usage_type: 'cpu', extra: 1 }),
        usage({ occurred_at: '2027-01-01T00:00:00.000Z' }),
        usage({ tenant_id: undefined }),
      ])
      expect(status).toBe(422)
      expect(body.error.details.fields.map(({ path }: { path: string }) => path)).toEqual([
        'records.1.quantity',
        'records.2.usage_type',
        'records.2.extra',
        'records.3.occurred_at',
        'records.4.tenant_id',
      ])
      expect(await recordedFacts()).toEqual([])
    })

    test('with unknown tenants is 404 and names them', async () => {
      const { status, body } = await batch([usage(), usage({ tenant_id: 'x' }), usage({ tenant_id: 'y' })])
      expect(status).toBe(404)
      expect(body.error.details.fields.map(({ path }: { path: string }) => path)).toEqual([
        'records.1.tenant_id',
        'records.2.tenant_id',
      ])
      expect(await recordedFacts()).toEqual([])
    })

    test('of no or of 1001 records is refused', async () => {
      for (const length of [0, 1001])
        expect((await batch(Array.from({ length }, () => usage()))).status).toBe(422)
    })

    test('of 1000 records of 400 bytes is taken', async () => {
      const one = usage({ metadata: { note: 'x'.repeat(300) } })
      const { status, body } = await batch(Array.from({ length: 1000 }, () => one))
      expect([status, body.data?.records.length]).toEqual([200, 1000])
    })

    test("with another tenant's record in it is 404 for a tenant's key, and records nothing", async () => {
      const { status } = await batch([usage(), usage({ tenant_id: 'tenant_b' })], t.keys.a)
      expect(status).toBe(404)
      expect(await recordedFacts()).toEqual([])
    })
  })

  describe('the request itself repeated under an Idempotency-Key', () => {
    test('counts once, even when the stored reply is gone', async () => {
      const headers = { 'Idempotency-Key': 'request-1' }
      const first = await t.post('/api/v1/billing/usage', usage(), { headers })
      await t.db.transact((trx) => trx.deleteFrom('idempotency_keys').execute())
      t.clock.now = new Date('2026-03-16T12:00:00.000Z')
      const second = await t.post('/api/v1/billing/usage', usage(), { headers })
      expect(second.headers.get('Idempotent-Replayed')).toBeNull()
      expect(second.body).toEqual(first.body)
      expect(await recordedFacts()).toHaveLength(1)
    })
  })

  describe('our own counted calls', () => {
    const batch = (more = {}) => ({
      tenantId: 'tenant_a',
      quantity: 100,
      idempotencyKey: 'run-1',
      occurredAt: '2026-03-15T11:59:00.000Z',
      ...more,
    })

    test('are recorded once per key, however often they are handed over', async () => {
      const record = recordCalls(t.context)
      await record([batch(), batch({ idempotencyKey: 'run-2', tenantId: 'tenant_b' })])
      await record([batch(), batch({ idempotencyKey: 'run-3', quantity: 7 })])
      const rows = await t.db.reader
        .selectFrom('billing_usage_records')
        .select(['tenant_id', 'usage_type', 'quantity'])
        .orderBy('position')
        .execute()
      expect(rows).toEqual([
        { tenant_id: 'tenant_a', usage_type: 'api_call', quantity: 100 },
        { tenant_id: 'tenant_b', usage_type: 'api_call', quantity: 100 },
        { tenant_id: 'tenant_a', usage_type: 'api_call', quantity: 7 },
      ])
    })

    test('are recorded however old they are: they were counted in time', async () => {
      await recordCalls(t.context)([batch({ occurredAt: '2025-01-01T00:00:00.000Z' })])
      expect(await recordedFacts()).toHaveLength(1)
    })
  })

  describe('voiding', () => {
    const record = async (more = {}) =>
      (await t.post('/api/v1/billing/usage', usage(more))).body.data.record_id as string

    test('is a fact of its own, and again answers the same', async () => {
      const id = await record()
      const first = await t.post(`/api/v1/billing/usage/${id}/void`, { reason: 'counted twice' })
      expect(first.body.data).toMatchObject({ record_id: id, voided_at: '2026-03-15T12:00:00.000Z' })
      t.clock.now = new Date('2026-03-16T12:00:00.000Z')
      const second = await t.post(`/api/v1/billing/usage/${id}/void`)
      expect(second.body).toEqual(first.body)
      const facts = await Array.fromAsync(readFacts(t.db.reader, { type: 'usage.voided' }))
      const [voided] = await Promise.all(facts.map((one) => openFact(t.db.reader, one)))
      expect(facts).toHaveLength(1)
      expect(voided).toMatchObject({ data: { record_id: id, personal: { reason: 'counted twice' } } })
    })

    test("is the platform's: a tenant's key is 403, whosever the record; an unknown one is 404", async () => {
      const id = await record()
      for (const key of [t.keys.a, t.keys.b])
        expect((await t.post(`/api/v1/billing/usage/${id}/void`, {}, { key })).status).toBe(403)
      expect((await t.post('/api/v1/billing/usage/usg_none/void')).status).toBe(404)
      expect(await Array.fromAsync(readFacts(t.db.reader, { type: 'usage.voided' }))).toEqual([])
    })
  })
})
