import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { verifyTables } from '../../src/projections/replay.ts'
import { runCli } from '../support/run-cli.ts'
import { type Service, startService } from '../support/service.ts'
import { settled, type Wizard, wizard } from '../support/wizard.ts'

let service: Service
let tenant: Wizard
beforeEach(async () => {
  service = await startService({
    webhooks: true,
    environment: { BILLING_TRIAL_PERIOD_DAYS: '0', ONBOARDING_SESSION_TTL_HOURS: '2000' },
  })
  tenant = wizard(service)
  await tenant.to('createCustomer')
})
afterEach(() => service.close())

const seconds = () => Math.ceil(service.sandbox.clock.nowMs() / 1000)
const days = (count: number) => service.sandbox.clock.advanceTo(seconds() + count * 86_400)

async function use(usage_type: string, quantity: number, times = 1): Promise<void> {
  const record = { tenant_id: tenant.of.tenantId, usage_type, quantity }
  const body = { records: Array.from({ length: times }, () => record) }
  expect((await service.request('POST', '/billing/usage/batch', body)).status).toBe(200)
}
const decide = (verb: string, more: object = {}) =>
  service.request('POST', `/admin/usage/${verb}`, {
    tenant_id: tenant.of.tenantId,
    reason: 'As agreed by telephone',
    ...more,
  })
const nextCents = async () =>
  (await service.request('GET', `/billing/status/tenant/${tenant.of.tenantId}`)).body
    .next_invoice_amount_cents
const totals = async () =>
  (
    await service.request(
      'GET',
      `/billing/usage/tenant/${tenant.of.tenantId}/summary?period_start=2020-01-01T00:00:00Z&period_end=2090-01-01T00:00:00Z`,
    )
  ).body.data.totals
const windowStart = async () =>
  (
    await service.context.db.reader
      .selectFrom('billing_windows')
      .select('starts_at')
      .executeTakeFirstOrThrow()
  ).starts_at

async function subscribe(): Promise<void> {
  const { setupPayment, confirmCard, selectPlan, createSubscription } = tenant
  for (const step of [setupPayment, confirmCard, selectPlan, createSubscription]) await step()
  await settled(service)
}

test('what a month owes and was not charged is forgiven, by type, once, and with a reason', async () => {
  await subscribe()
  await use('case', 3)
  await use('api_call', 50_000)
  const before = await nextCents()
  const window_start = await windowStart()
  const { status, body } = await decide('forgive', { window_start, usage_type: 'case' })
  expect(status).toBe(200)
  expect(body.data).toMatchObject({
    decision: 'forgiven',
    window_start,
    usage_type: 'case',
    amount_cents: 3000,
  })
  expect(await nextCents()).toBe(before - 3000)
  expect(await totals()).toMatchObject({ forgiven_amount_cents: 3000, unbilled_amount_cents: 500 })
  const again = await decide('forgive', { window_start, usage_type: 'case' })
  expect([again.status, again.headers.get('Retry-After')]).toEqual([409, null])
  expect((await decide('forgive', { window_start: '2020-01-01T00:00:00Z' })).status).toBe(404)
  for (const reason of [undefined, ''])
    expect((await decide('forgive', { window_start, reason })).status).toBe(422)
  expect((await verifyTables(service.context.db)).ok).toBe(true)
})

test('counts of a time without a subscription are claimed for the open month, or forgiven; what is later is not', async () => {
  await use('case', 5)
  await days(40)
  await subscribe()
  await use('case', 1)
  const before = await nextCents()
  expect(await totals()).toMatchObject({ unbilled_amount_cents: 6000 })
  const claimed = await decide('claim')
  expect(claimed.body.data).toMatchObject({ decision: 'claimed', amount_cents: 5000 })
  expect(await nextCents()).toBe(before + 5000)
  for (const verb of ['claim', 'forgive']) expect((await decide(verb)).status).toBe(409)
  expect((await decide('claim', { window_start: await windowStart() })).status).toBe(422)
  expect((await verifyTables(service.context.db)).ok).toBe(true)
}, 30_000)

test('old usage outside all months is forgiven as a whole', async () => {
  await use('case', 5)
  await days(40)
  await subscribe()
  const { body } = await decide('forgive')
  expect(body.data).toMatchObject({ decision: 'forgiven', window_start: null, amount_cents: 5000 })
  expect(await totals()).toMatchObject({ forgiven_amount_cents: 5000, unbilled_amount_cents: 0 })
}, 30_000)

test('a held month is released, and charged in lines of at most what Stripe takes', async () => {
  await subscribe()
  expect((await decide('release')).status).toBe(409)
  await use('case', 150_000)
  expect(await nextCents()).toBe(4900 + 10_000)
  const { status, body } = await decide('release', { window_start: await windowStart() })
  expect(status).toBe(200)
  expect(body.data).toMatchObject({ decision: 'released', amount_cents: 150_000_000 })
  // All of one invoice is no more than Stripe takes either.
  expect(await nextCents()).toBe(99_999_999)
  expect((await verifyTables(service.context.db)).ok).toBe(true)
})

test('the command line does the same, says why not by its exit code, and asks for a reason', async () => {
  await subscribe()
  await use('case', 3)
  const env = { STRIPE_SECRET_KEY: 'sk_test_of_the_tests', STRIPE_API_BASE: service.sandbox.url }
  const url = `file:${join(service.directory, 'test.db')}`
  const run = (...args: string[]) => runCli([...args, '--database', url], { cwd: service.directory, env })
  const start = await windowStart()
  const forgive = ['usage', 'forgive', '--tenant', tenant.of.tenantId, '--window', start, '--type', 'case']
  expect((await run(...forgive)).code).toBe(2)
  const first = await run(...forgive, '--reason', 'As agreed', '--json')
  expect(first).toMatchObject({ code: 0, stderr: '' })
  expect(JSON.parse(first.stdout)).toMatchObject({
    decision: 'forgiven',
    window_start: start,
    amount_cents: 3000,
  })
  expect((await run(...forgive, '--reason', 'As agreed')).code).toBe(1)
  expect((await run('usage', 'claim', '--tenant', 'nobody', '--reason', 'x')).code).toBe(1)
  expect((await run('usage', 'release', '--tenant', 'x', '--type', 'cake', '--reason', 'x')).code).toBe(2)

  const listed = JSON.parse((await run('invoices', 'list', '--tenant', tenant.of.tenantId, '--json')).stdout)
  expect(listed).toMatchObject([{ status: 'paid', lines: [{ usage_type: 'platform_base' }] }])
  const [{ invoice_id }] = listed
  expect((await run('invoices', 'list')).stdout).toContain(invoice_id)
  expect((await run('invoices', 'show', invoice_id)).stdout).toMatch(/platform_base +.* +\$100\.00 +first/)
  for (const verb of ['void', 'retry', 'rebill'])
    expect((await run('invoices', verb, invoice_id, '--reason', 'x')).code, verb).toBe(1)
  const { id = '' } = await service.stripe.invoices.create({
    customer: tenant.of.customerId,
    currency: 'usd',
  })
  const item = { customer: tenant.of.customerId, currency: 'usd', amount: 500 }
  await service.stripe.invoiceItems.create({ ...item, invoice: id })
  await service.stripe.invoices.finalizeInvoice(id, { auto_advance: false })
  await settled(service)
  const voided = await run('invoices', 'void', id, '--reason', 'Twice', '--json')
  expect(voided.stderr).toBe('')
  expect(JSON.parse(voided.stdout)).toMatchObject({ invoice_id: id, status: 'void', forgiven_cents: 500 })
}, 120_000)
