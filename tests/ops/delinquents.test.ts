import { afterEach, beforeEach, expect, test } from 'vitest'
import { runCli } from '../support/run-cli.ts'
import { type Service, startService } from '../support/service.ts'
import { wizard } from '../support/wizard.ts'

let service: Service
beforeEach(async () => {
  service = await startService({ webhooks: true, environment: { BILLING_TRIAL_PERIOD_DAYS: '0' } })
})
afterEach(() => service.close())

const day = 86_400
const pass = (seconds: number) =>
  service.sandbox.clock.advanceTo(Math.ceil(service.sandbox.clock.nowMs() / 1000) + seconds)
const listed = async () => (await service.request('GET', '/admin/tenants/delinquent')).body.data.items

async function payWith(card: string, { customerId, subscriptionId }: ReturnType<typeof wizard>['of']) {
  const { id } = await service.stripe.paymentMethods.attach(card, { customer: customerId })
  await service.stripe.subscriptions.update(subscriptionId, { default_payment_method: id })
}

test('who owes what could not be collected, since when, why, and what comes next', async () => {
  const good = wizard(service)
  await good.to('createSubscription')
  const bad = wizard(service)
  await bad.to('createSubscription')
  await payWith('pm_card_chargeCustomerFail', bad.of)
  expect(await listed()).toEqual([])
  await pass(31 * day + 2 * 3600)
  const { data } = await service.stripe.invoices.list({ customer: bad.of.customerId, status: 'open' })
  const [tenant, ...others] = await listed()
  expect(others).toEqual([])
  expect(tenant).toEqual({
    tenant_id: bad.of.tenantId,
    owed: [{ amount_cents: data[0]?.amount_remaining, currency: 'usd' }],
    failing_since: expect.any(String),
    failing_for_seconds: expect.any(Number),
    last_decline_code: 'generic_decline',
    next_attempt_at: new Date((data[0]?.next_payment_attempt ?? 0) * 1000).toISOString(),
    access: 'grace',
    since: tenant.failing_since,
    until: new Date(Date.parse(tenant.failing_since) + 14 * day * 1000).toISOString(),
    invoices: [
      {
        invoice_id: data[0]?.id,
        number: data[0]?.number,
        amount_cents: data[0]?.amount_remaining,
        currency: 'usd',
        payment_failed_at: tenant.failing_since,
        due_at: null,
        can_retry: true,
      },
    ],
  })
  const metrics = await (await service.app.request('/metrics')).text()
  expect(metrics).toContain('stepledger_tenants{access="grace"} 1')
  expect(metrics).toContain('stepledger_tenants{access="full"} 1')
  expect(metrics).toContain(`stepledger_delinquent_cents{currency="usd"} ${data[0]?.amount_remaining}`)

  const path = `${service.directory}/test.db`
  const printed = await runCli(['tenants', 'delinquent', '--json', '--database', `file:${path}`])
  expect(printed.code).toBe(0)
  expect(JSON.parse(printed.stdout)).toMatchObject([{ tenant_id: bad.of.tenantId, owed: tenant.owed }])
})

test('who is suspended since its grace was over, whether or not anybody has looked', async () => {
  const tenant = wizard(service)
  await tenant.to('createSubscription')
  await payWith('pm_card_chargeCustomerFail', tenant.of)
  await pass(31 * day + 2 * 3600)
  const { until } = (await listed())[0]
  await service.sandbox.clock.advanceTo(Date.parse(until) / 1000 + 1)
  const [late] = await listed()
  expect(late).toMatchObject({ access: 'suspended', until: null, since: until })
  const view = (await service.request('GET', `/admin/tenants/${tenant.of.tenantId}`)).body.data
  expect(view.delinquent).toEqual(late)
  expect(view.access).toMatchObject({ access: 'suspended', reason: 'grace_over', since: until })
})

test('an invoice of our own is tried again by us, and says when', async () => {
  const tenant = wizard(service, { choice: { plan_id: 'basic', price_id: 'price_basic_yearly' } })
  await tenant.to('createSubscription')
  await payWith('pm_card_chargeCustomerFail', tenant.of)
  await pass(31 * day + 3 * 3600)
  const [first] = await listed()
  expect(first).toMatchObject({ tenant_id: tenant.of.tenantId, owed: [{ amount_cents: 10_000 }] })
  const wait = Date.parse(first.next_attempt_at) - Date.parse(first.failing_since)
  expect([1, 3, 5], 'so many days after the first attempt').toContain(Math.round(wait / 60_000) / (24 * 60))
})

test('who has not paid by its day what was sent owes it, in grace and once suspended', async () => {
  const { of, to } = wizard(service)
  await to('createSubscription')
  await service.stripe.subscriptions.update(of.subscriptionId, {
    collection_method: 'send_invoice',
    days_until_due: 5,
  })
  await pass(31 * day + 2 * 3600)
  const { data } = await service.stripe.invoices.list({ customer: of.customerId, status: 'open' })
  const status = async () => (await service.request('GET', `/billing/status/tenant/${of.tenantId}`)).body
  expect(await listed()).toEqual([])
  expect(await status()).toMatchObject({ is_delinquent: false, outstanding_balance_cents: 0 })
  const due_at = new Date((data[0]?.due_date ?? 0) * 1000).toISOString()
  const amount_cents = data[0]?.amount_remaining
  for (const [days, access] of [
    [6, 'grace'],
    [15, 'suspended'],
  ] as const) {
    await pass(days * day)
    expect(await listed()).toMatchObject([
      {
        ...{ tenant_id: of.tenantId, access, failing_since: due_at },
        owed: [{ amount_cents, currency: 'usd' }],
        invoices: [{ invoice_id: data[0]?.id, payment_failed_at: null, due_at, can_retry: false }],
      },
    ])
    expect(await status()).toMatchObject({ is_delinquent: true, outstanding_balance_cents: amount_cents })
  }
  expect(await (await service.app.request('/metrics')).text()).toContain(
    `stepledger_delinquent_cents{currency="usd"} ${amount_cents}`,
  )
})
