import { sql } from 'kysely'
import { afterEach, expect, test } from 'vitest'
import type { AppContext } from '../../src/context.ts'
import { type TestApp, testApp } from '../support/test-app.ts'

let t: TestApp
afterEach(() => t.close())

const withStripe = (healthy: () => Promise<{ ok: boolean; message?: string }>) =>
  testApp({ context: { stripe: { healthy } as unknown as NonNullable<AppContext['stripe']> } })

test('it is alive without a key', async () => {
  t = await testApp()
  expect(await t.get('/health', { key: '' })).toMatchObject({ status: 200, body: { status: 'ok' } })
})

test('it is ready when the database, the migrations and Stripe are, and names each', async () => {
  t = await withStripe(async () => ({ ok: true }))
  const { status, body } = await t.get('/health/ready', { key: '' })
  expect([status, body]).toEqual([
    200,
    { status: 'ready', checks: { database: { ok: true }, migrations: { ok: true }, stripe: { ok: true } } },
  ])
})

test('it is ready with Stripe switched off', async () => {
  t = await testApp()
  const { status, body } = await t.get('/health/ready')
  expect([status, body.checks.stripe]).toEqual([200, { ok: true, message: 'switched off' }])
})

test('it is not ready when Stripe refuses the key, or fails, or a migration has not run', async () => {
  t = await withStripe(async () => ({ ok: false, message: 'Stripe refuses the key' }))
  const refused = await t.get('/health/ready')
  expect([refused.status, refused.body]).toMatchObject([
    503,
    { status: 'unavailable', checks: { stripe: { ok: false, message: 'Stripe refuses the key' } } },
  ])
  await sql`delete from kysely_migration`.execute(t.db.reader)
  const { body } = await t.get('/health/ready')
  expect(body.checks.migrations).toEqual({ ok: false, message: 'pending: add_billing_tables' })
  await t.close()

  t = await withStripe(() => Promise.reject(new Error('connect ECONNREFUSED 10.0.0.7:443')))
  const failed = await t.get('/health/ready')
  expect([failed.status, failed.body.checks.stripe]).toEqual([503, { ok: false, message: 'unreachable' }])
  expect(failed.text).not.toContain('10.0.0.7')
})

test('it is not ready with a table missing, and names it', async () => {
  t = await testApp()
  await t.db.transact((trx) => sql`drop table billing_invoices`.execute(trx))
  const { status, body } = await t.get('/health/ready')
  expect([status, body.checks.migrations]).toEqual([503, { ok: false, message: 'missing: billing_invoices' }])
})

test('metrics count requests by the pattern of their route, and tables as of now', async () => {
  t = await testApp()
  await t.get('/api/v1/billing/usage/tenant/tenant_a/summary')
  await t.get('/api/v1/billing/usage/tenant/nobody/summary')
  await t.get('/made/up')
  await t.get('/api/v1/made/up')
  const { text, headers } = await t.get('/metrics', { key: '' })
  expect(headers.get('Content-Type')).toContain('text/plain')
  const route = '/api/v1/billing/usage/tenant/:tenant_id/summary'
  expect(text).toContain(`http_requests_total{method="GET",route="${route}",status="200"} 1`)
  expect(text).toContain(`http_requests_total{method="GET",route="${route}",status="404"} 1`)
  expect(text).toContain('http_requests_total{method="GET",route="unmatched",status="404"} 2')
  expect(text).toContain(`http_request_duration_seconds_count{method="GET",route="${route}"} 2`)
  expect(text).toContain('stepledger_log_position 3')
  expect(text).not.toContain('made')

  const effect = { effect_id: 'e1', tenant_id: null, stream: 's', kind: 'k', params: '{}', attempts: 0 }
  const times = { due_at: '', claimed_until: null, last_error: null, created_at: '', updated_at: '' }
  await t.db.transact((trx) =>
    trx
      .insertInto('effects')
      .values({ ...effect, ...times, status: 'pending' })
      .execute(),
  )
  expect((await t.get('/metrics')).text).toContain('stepledger_effects{status="pending"} 1')
})

test('the API describes itself from what validates', async () => {
  t = await testApp()
  const { status, body } = await t.get('/openapi.json', { key: '' })
  expect(status).toBe(200)
  expect(body.openapi).toBe('3.1.0')
  expect(body.components.securitySchemes).toMatchObject({
    ApiKey: { name: 'X-API-Key' },
    Bearer: { type: 'http' },
  })
  expect(body.components.schemas.UsageInput).toMatchObject({
    additionalProperties: false,
    required: ['tenant_id', 'usage_type', 'quantity'],
    properties: {
      quantity: { type: 'integer', minimum: 0, maximum: 1_000_000_000 },
      occurred_at: { type: 'string', format: 'date-time' },
    },
  })
  const summary = body.paths['/api/v1/billing/usage/tenant/{tenant_id}/summary'].get
  expect(summary['x-scopes']).toEqual(['admin', 'platform', 'tenant'])
  expect(Object.keys(summary.responses)).toEqual(
    expect.arrayContaining(['200', '401', '404', '422', 'default']),
  )
})
