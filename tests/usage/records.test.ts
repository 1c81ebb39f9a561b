import type { CompiledQuery } from 'kysely'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { listUsageRecords } from '../../src/usage/records.ts'
import { listening, planOf } from '../support/plans.ts'
import { type Service, startService } from '../support/service.ts'
import { type Wizard, wizard } from '../support/wizard.ts'

let service: Service
let tenant: Wizard
const made: Record<string, string> = {}
beforeAll(async () => {
  service = await startService({ webhooks: true, environment: { BILLING_TRIAL_PERIOD_DAYS: '0' } })
  tenant = wizard(service)
  await tenant.to('createSubscription')
  await use('first', 'case', 3)
  await use('level', 'agent', 5, { action: 'set' })
  await use('voided', 'case', 2)
  await service.request('POST', `/billing/usage/${made.voided}/void`)
  await days(32)
  await use('late', 'case', 1, { occurred_at: agoIso(10) })
  await use('open', 'api_call', 7)
}, 60_000)
afterAll(() => service.close())

const nowMs = () => service.sandbox.clock.nowMs()
const days = (count: number) => service.sandbox.clock.advanceTo(Math.ceil(nowMs() / 1000) + count * 86_400)
const agoIso = (count: number) => new Date(nowMs() - count * 86_400_000).toISOString()

async function use(name: string, usage_type: string, quantity: number, more: object = {}): Promise<void> {
  const body = { tenant_id: tenant.of.tenantId, usage_type, quantity, ...more }
  const reply = await service.request('POST', '/billing/usage', body)
  expect(reply.status).toBe(200)
  made[name] = reply.body.data.record_id
}

const page = (query = '', options = {}) =>
  service.request('GET', `/billing/usage/tenant/${tenant.of.tenantId}/records${query}`, undefined, options)
async function all(query = '?limit=2') {
  const items = []
  for (let cursor = ''; ; ) {
    const { status, body } = await page(`${query}${cursor && `&cursor=${cursor}`}`)
    expect(status).toBe(200)
    items.push(...body.data.items)
    if (body.data.next_cursor === null) return items
    cursor = body.data.next_cursor
  }
}

test('each record says in which month it counts, on which invoice it is, and when that was paid', async () => {
  const items = await all()
  const of = (name: string) => items.find(({ record_id }) => record_id === made[name])
  const { items: invoices } = (await service.request('GET', `/billing/invoices/tenant/${tenant.of.tenantId}`))
    .body.data
  const renewal = invoices.find(
    ({ billing_reason }: { billing_reason: string }) => billing_reason === 'subscription_cycle',
  )
  const windows = await service.context.db.reader
    .selectFrom('billing_windows')
    .select('starts_at')
    .orderBy('starts_at')
    .execute()
  const [month, next] = windows.map(({ starts_at }) => starts_at)
  const onRenewal = {
    window_start: month,
    invoice_id: renewal.invoice_id,
    billed_at: renewal.paid_at,
    voided_at: null,
  }
  expect(renewal.paid_at).toMatch(/Z$/)
  expect(of('first')).toMatchObject(onRenewal)
  expect(of('level')).toMatchObject(onRenewal)
  expect(of('late')).toMatchObject({ window_start: month, invoice_id: null, billed_at: null, is_late: true })
  expect(of('open')).toMatchObject({ window_start: next, invoice_id: null, billed_at: null })
  expect(of('voided')).toMatchObject({ window_start: null, invoice_id: null, billed_at: null })
  expect(of('voided').voided_at).toMatch(/Z$/)
})

test('pages of any size give every record once, the latest first, types among each other', async () => {
  const times = (await all()).map(({ occurred_at }) => occurred_at)
  expect(times).toHaveLength(Object.keys(made).length)
  expect(times).toEqual(times.toSorted().toReversed())
  expect((await all('?limit=100')).map(({ record_id }) => record_id)).toEqual(
    (await all('?limit=1')).map(({ record_id }) => record_id),
  )
})

test('a period is half-open, and has the second of an end at hh:mm:59', async () => {
  const { occurred_at } = (await all()).find(({ record_id }) => record_id === made.late)
  const after = new Date(Date.parse(occurred_at) + 1).toISOString()
  const inPeriod = async (start: string, end: string) =>
    (await all(`?period_start=${start}&period_end=${end}`)).map(({ record_id }) => record_id)
  expect(await inPeriod(occurred_at, after)).toEqual([made.late])
  expect(await inPeriod(agoIso(11), occurred_at)).toEqual([])
  const at = '2026-01-31T23:59:59'
  await service.context.db.transact(async (trx) => {
    await trx
      .updateTable('billing_usage_records')
      .set({ occurred_at: `${at}.500Z` })
      .where('record_id', '=', made.late ?? '')
      .execute()
  })
  expect(await inPeriod('2026-01-31T00:00:00Z', `${at}Z`)).toEqual([made.late])
  expect(await inPeriod('2026-01-31T00:00:00Z', `${at}%2B00:00`)).toEqual([made.late])
  expect(await inPeriod('2026-01-31T00:00:00Z', `${at}.000Z`)).toEqual([])
  expect((await page('?period_start=2026-02-01T00:00:00Z&period_end=2026-01-01T00:00:00Z')).status).toBe(422)
})

test('nobody sees the records of another tenant or of none', async () => {
  const other = wizard(service)
  await other.start()
  expect((await page('', { key: await service.tenantKey(other.of.tenantId) })).status).toBe(404)
  expect((await page('', { key: await service.tenantKey(tenant.of.tenantId) })).status).toBe(200)
  expect((await service.request('GET', '/billing/usage/tenant/nobody/records')).status).toBe(404)
})

test('a page is read by indexes, in order, however many records there are', async () => {
  const { reader } = service.context.db
  const cursor = (await page('?limit=1')).body.data.next_cursor
  const queries: CompiledQuery[] = []
  const period = { start: agoIso(60) }
  await listUsageRecords(listening(reader, queries), tenant.of.tenantId, period, { limit: 2, cursor })
  const plans = await Promise.all(queries.map((query) => planOf(reader, query)))
  const ofPage = plans.map((plan) => plan.join('\n')).find((plan) => plan.includes('MERGE (UNION ALL)'))
  expect(ofPage).toContain('billing_usage_records_by_time (tenant_id=? AND usage_type=? AND occurred_at>?')
  expect(ofPage).not.toContain('TEMP B-TREE')
  for (const step of plans.flat()) expect(step).not.toMatch(/SCAN (billing_|[a-z] )/)
})
