import { afterEach, beforeEach, expect, test } from 'vitest'
import { createApp } from '../../src/http/app.ts'
import { provenTenant } from '../../src/http/auth.ts'
import { recordCalls } from '../../src/usage/record-calls.ts'
import { type UsageTracking, usageTracking } from '../../src/usage/tracking.ts'
import { adminKey } from '../support/requests.ts'
import { type TestApp, testApp } from '../support/test-app.ts'

let t: TestApp
let tracking: UsageTracking
beforeEach(async () => {
  t = await testApp()
  tracking = usageTracking({
    record: recordCalls(t.context),
    tenantOf: provenTenant,
    now: () => +t.clock.now,
  })
})
afterEach(async () => {
  await tracking.close()
  await t.close()
})

test("a call counts for its key's tenant, whomever it names, and the platform's calls count for nobody", async () => {
  const app = createApp(t.context, { tracking })
  const call = async (key: string, path: string, headers: Record<string, string> = {}) =>
    (await app.request(path, { headers: { 'X-API-Key': key, ...headers } })).status
  const summary = (tenant: string) => `/api/v1/billing/usage/tenant/${tenant}/summary`

  expect(await call(t.keys.a, summary('tenant_a'))).toBe(200)
  expect(await call(t.keys.a, summary('tenant_b'))).toBe(404)
  expect(await call(t.keys.a, `${summary('tenant_a')}?tenant_id=tenant_b`)).toBe(404)
  expect(await call(t.keys.a, summary('tenant_a'), { 'X-Tenant-Id': 'tenant_b' })).toBe(404)
  expect(await call(t.keys.platform, summary('tenant_b'))).toBe(200)
  expect(await call(adminKey, summary('tenant_b'))).toBe(200)
  expect(await call('wrong', summary('tenant_b'))).toBe(401)
  expect(await call(t.keys.a, '/health')).toBe(200)
  await tracking.flush()

  const rows = await t.db.reader
    .selectFrom('billing_usage_records')
    .select(['tenant_id', 'usage_type', 'quantity', 'occurred_at'])
    .execute()
  expect(rows).toEqual([
    { tenant_id: 'tenant_a', usage_type: 'api_call', quantity: 4, occurred_at: '2026-03-15T12:00:00.000Z' },
  ])
})
