import { afterEach, beforeEach, expect, test } from 'vitest'
import { type Service, startService } from '../support/service.ts'
import { settled, type Wizard, wizard } from '../support/wizard.ts'

let service: Service
let tenant: Wizard
beforeEach(async () => {
  service = await startService({ webhooks: true, environment: { BILLING_TRIAL_PERIOD_DAYS: '0' } })
  tenant = wizard(service)
  await tenant.to('createSubscription')
  await settled(service)
})
afterEach(() => service.close())

async function use(usage_type: string, quantity: number, more: object = {}) {
  const body = { tenant_id: tenant.of.tenantId, usage_type, quantity, ...more }
  const { status, body: reply } = await service.request('POST', '/billing/usage', body)
  expect(status).toBe(200)
  return reply.data
}

test('a record of a month that is held says so, until records are voided', async () => {
  expect(await use('case', 99_999)).not.toHaveProperty('warning')
  const over = await use('case', 1_000)
  expect(over).toMatchObject({ warning: 'over_limit', record_id: expect.any(String) })
  expect(await use('case', 1)).toMatchObject({ warning: 'over_limit' })
  expect(await use('api_call', 5_000)).not.toHaveProperty('warning')
  await service.request('POST', `/billing/usage/${over.record_id}/void`)
  await new Promise((resolve) => setTimeout(resolve, 1_100))
  expect(await use('user', 1)).not.toHaveProperty('warning')
  expect((await use('case', 1_000, { action: 'set' })).warning).toBeUndefined()
})

test('a level that is set too high is said at once, and a month that was released is no warning', async () => {
  const { warning } = await use('agent', 1_000_000, { action: 'set' })
  expect(warning).toBe('over_limit')
  const decision = { tenant_id: tenant.of.tenantId, usage_type: 'agent', reason: 'They are that many' }
  expect((await service.request('POST', '/admin/usage/release', decision)).status).toBe(200)
  expect(await use('agent', 1_000)).not.toHaveProperty('warning')
})
