import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Service, startService } from '../support/service.ts'
import { settled, type Wizard, wizard } from '../support/wizard.ts'

let service: Service
let tenant: Wizard
beforeAll(async () => {
  service = await startService({ webhooks: true, environment: { BILLING_TRIAL_PERIOD_DAYS: '0' } })
  tenant = wizard(service)
  await tenant.to('createSubscription')
  await settled(service)
})
afterAll(() => service.close())

const errorsOf = (message: string) =>
  service.logLines
    .map((line) => JSON.parse(line))
    .filter(({ level, msg }) => (level === 50 || level === 'error') && String(msg).includes(message))
const metrics = async () => (await service.app.request('/metrics')).text()

test('a month that owes more than one amount may be is an error in the log, once, and a gauge', async () => {
  const { clock } = service.sandbox
  const body = { tenant_id: tenant.of.tenantId, usage_type: 'case', quantity: 200_000 }
  expect((await service.request('POST', '/billing/usage', body)).status).toBe(200)
  expect(await metrics()).toContain('stepledger_dues_stuck{state="held"} 0')
  await clock.advanceTo(Math.ceil(clock.nowMs() / 1000) + 33 * 86_400)
  expect(errorsOf('it is held')).toMatchObject([
    { tenant_id: tenant.of.tenantId, usage_type: 'case', due_cents: '200000000' },
  ])
  expect(await metrics()).toContain('stepledger_dues_stuck{state="held"} 1')
})

test('a second live subscription is an error in the log when Stripe shows it, and a gauge', async () => {
  expect(await metrics()).toContain('stepledger_second_subscriptions 0')
  const { id } = await service.stripe.subscriptions.create({
    customer: tenant.of.customerId,
    items: [{ price: 'price_basic_monthly' }],
    collection_method: 'send_invoice',
    days_until_due: 30,
  })
  await settled(service)
  expect(errorsOf('second live subscription')[0]).toMatchObject({
    subscription_ids: expect.arrayContaining([tenant.of.subscriptionId, id]),
  })
  expect(await metrics()).toContain('stepledger_second_subscriptions 1')
})
