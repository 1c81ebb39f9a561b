import { afterEach, beforeEach, expect, test } from 'vitest'
import { verifyTables } from '../../src/projections/replay.ts'
import { type Service, startService } from '../support/service.ts'
import { type Wizard, wizard } from '../support/wizard.ts'

let service: Service
let tenant: Wizard
beforeEach(async () => {
  service = await startService({ webhooks: true, environment: { BILLING_TRIAL_PERIOD_DAYS: '0' } })
  tenant = wizard(service)
})
afterEach(() => service.close())

const seconds = () => Math.ceil(service.sandbox.clock.nowMs() / 1000)
const days = (count: number) => service.sandbox.clock.advanceTo(seconds() + count * 86_400)

async function use(usage_type: string, quantity: number, more: object = {}): Promise<void> {
  const body = { tenant_id: tenant.of.tenantId, usage_type, quantity, ...more }
  const reply = await service.request('POST', '/billing/usage', body)
  expect(reply.status).toBe(200)
}

async function invoices() {
  const { data } = await service.stripe.invoices.list({ customer: tenant.of.customerId, limit: 100 })
  return data
    .map(({ billing_reason, status, total, lines }) => ({
      billing_reason,
      status,
      total,
      lines: lines.data.map(({ amount, description }) => [amount, description]),
    }))
    .reverse()
}
const nextCents = async () =>
  (await service.request('GET', `/billing/status/tenant/${tenant.of.tenantId}`)).body
    .next_invoice_amount_cents

test('on a monthly plan each month is on its renewal, which is what the status had said', async () => {
  await tenant.to('createSubscription')
  await use('case', 3)
  await use('agent', 10, { action: 'set' })
  const promised = [await nextCents()]
  await days(32)
  await use('case', 2)
  promised.push(await nextCents())
  await days(31)
  const renewals = (await invoices()).filter(({ billing_reason }) => billing_reason === 'subscription_cycle')
  expect(renewals.map(({ total }) => total)).toEqual(promised)
  expect(renewals.map(({ status }) => status)).toEqual(['paid', 'paid'])
  const of = (type: string) =>
    renewals.map(({ lines }) =>
      lines.filter(([, text]) => String(text).startsWith(type)).map(([amount]) => amount),
    )
  expect(of('Cases')).toEqual([[3000], [2000]])
  expect(of('Agents'), 'a level carries over').toEqual([[50_000], [50_000]])
  expect((await verifyTables(service.context.db)).ok).toBe(true)
})

test('what comes late for a subscription that has ended is billed an hour later, also while another one runs', async () => {
  await tenant.to('createSubscription')
  const { tenantId: tenant_id, customerId: customer_id, subscriptionId } = tenant.of
  await days(3)
  await service.request('POST', `/billing/subscriptions/${subscriptionId}/cancel`, { at_period_end: false })
  const occurred_at = new Date(service.sandbox.clock.nowMs() - 86_400_000).toISOString()
  await days(1)
  const again = { tenant_id, customer_id, price_id: 'price_basic_monthly', payment_method_id: 'pm_card_visa' }
  expect((await service.request('POST', '/billing/subscriptions', again)).status).toBe(200)
  await days(1)
  await use('case', 4, { occurred_at })
  await days(1)
  const [last] = (await invoices()).slice(-1)
  expect(last).toMatchObject({ billing_reason: 'manual', status: 'paid', total: 4000 })
})
