import { afterEach, beforeEach, expect, test } from 'vitest'
import { verifyTables } from '../../src/projections/replay.ts'
import { type Service, startService } from '../support/service.ts'
import { requestsTo, settled, type Wizard, wizard } from '../support/wizard.ts'

let service: Service
let tenant: Wizard
beforeEach(async () => {
  service = await startService({ webhooks: true, environment: { BILLING_TRIAL_PERIOD_DAYS: '0' } })
  tenant = wizard(service)
  await tenant.to('createSubscription')
})
afterEach(() => service.close())

const days = (count: number) =>
  service.sandbox.clock.advanceTo(Math.ceil(service.sandbox.clock.nowMs() / 1000) + count * 86_400)

type Listed = { invoice_id: string; status: string; billing_reason: string; [field: string]: unknown }
async function invoices(): Promise<Listed[]> {
  return (await service.request('GET', `/billing/invoices/tenant/${tenant.of.tenantId}`)).body.data.items
}
const renewal = async () => {
  const found = (await invoices()).find(({ billing_reason }) => billing_reason === 'subscription_cycle')
  if (found === undefined) throw new Error('no renewal')
  return found
}
const ask = (id: string, verb: string, body: object = {}, headers: Record<string, string> = {}) =>
  service.request('POST', `/billing/invoices/${id}/${verb}`, body, { key: service.keys.platform, headers })

/** From then on the tenant's payments are declined. @returns the card that is good */
async function loseCard(): Promise<string> {
  const { stripe } = service
  const { customerId: customer, subscriptionId } = tenant.of
  const [good] = (await stripe.paymentMethods.list({ customer })).data
  const bad = await stripe.paymentMethods.attach('pm_card_chargeCustomerFail', { customer })
  await stripe.subscriptions.update(subscriptionId, { default_payment_method: bad.id })
  return good?.id ?? ''
}

async function openRenewal(): Promise<{ id: string; good: string }> {
  const good = await loseCard()
  const body = { tenant_id: tenant.of.tenantId, usage_type: 'case', quantity: 3 }
  await service.request('POST', '/billing/usage', body)
  await days(32)
  const { invoice_id: id, status } = await renewal()
  expect(status).toBe('open')
  return { id, good }
}

test('a retry collects an open invoice at once; a decline is 402 with its code, and both are in the log', async () => {
  const { id, good } = await openRenewal()
  const declined = await ask(id, 'retry', { reason: 'The customer says that the card is good' })
  expect([declined.status, declined.body.error.code]).toEqual([402, 'card_declined'])
  expect(declined.body.error.details).toMatchObject({
    stripe_code: 'card_declined',
    decline_code: expect.any(String),
  })
  await settled(service)
  expect((await renewal()).status).toBe('open')
  await service.stripe.subscriptions.update(tenant.of.subscriptionId, { default_payment_method: good })
  const paid = await ask(id, 'retry', {}, { 'Idempotency-Key': 'retry-1' })
  expect(paid.status).toBe(200)
  expect(paid.body.data).toMatchObject({ invoice_id: id, status: 'paid', outstanding_cents: 0 })
  expect((await ask(id, 'retry', {}, { 'Idempotency-Key': 'retry-1' })).body).toEqual(paid.body)
  const again = await ask(id, 'retry')
  expect([again.status, again.body.error.code, again.headers.get('Retry-After')]).toEqual([
    409,
    'conflict',
    null,
  ])
  const facts = await service.context.db.reader
    .selectFrom('billing_events')
    .select('type')
    .where('fact_id', 'like', '%:pay_invoice:%')
    .where('type', 'like', 'billing.operation%')
    .orderBy('position')
    .execute()
  expect(facts.map(({ type }) => type.slice('billing.operation_'.length))).toEqual([
    ...['requested', 'failed', 'requested', 'succeeded'],
  ])
  expect((await verifyTables(service.context.db)).ok).toBe(true)
}, 60_000)

test('a voided invoice is forgiven; once rebilled, our lines of it are due again, and the plan is not', async () => {
  const { id, good } = await openRenewal()
  const voided = await ask(id, 'void', { reason: 'Wrong address' })
  expect(voided.status).toBe(200)
  expect(voided.body.data).toMatchObject({
    status: 'void',
    outstanding_cents: 0,
    forgiven_cents: 3000 + 10_000 + 4900,
  })
  for (const verb of ['void', 'retry']) expect((await ask(id, verb)).status).toBe(409)
  const before = await nextCents()
  const rebilled = await ask(id, 'rebill', {}, { 'Idempotency-Key': 'rebill-1' })
  expect(rebilled.status).toBe(200)
  expect(rebilled.body.data).toMatchObject({ due_again_cents: 13_000, currency: 'usd' })
  expect(rebilled.body.data.message).toMatch(/plan's own line is not ours/)
  expect((await ask(id, 'rebill', {}, { 'Idempotency-Key': 'rebill-1' })).body).toEqual(rebilled.body)
  const again = await ask(id, 'rebill')
  expect([again.status, again.headers.get('Retry-After')]).toEqual([409, null])
  expect(await nextCents()).toBe(before + 13_000)
  await service.stripe.subscriptions.update(tenant.of.subscriptionId, { default_payment_method: good })
  await days(31)
  const [latest] = await invoices()
  expect(latest).toMatchObject({ total_cents: before + 13_000 })
  expect((await verifyTables(service.context.db)).ok).toBe(true)
}, 60_000)

const nextCents = async () =>
  (await service.request('GET', `/billing/status/tenant/${tenant.of.tenantId}`)).body
    .next_invoice_amount_cents

test('a paid invoice is not voided, and has nothing to bring back or to collect', async () => {
  const [first] = await invoices()
  for (const verb of ['void', 'rebill', 'retry']) {
    const { status, body } = await ask(first?.invoice_id ?? '', verb)
    expect([status, body.error.code], verb).toEqual([409, 'conflict'])
  }
  expect(await requestsTo(service, 'POST', `/v1/invoices/${first?.invoice_id}/void`)).toEqual([])
})

test("an unknown invoice is 404, and a tenant's key reaches none of it", async () => {
  const [first] = await invoices()
  const key = await service.tenantKey(tenant.of.tenantId)
  for (const verb of ['void', 'rebill', 'retry']) {
    expect((await ask('in_unknown', verb)).status).toBe(404)
    const path = `/billing/invoices/${first?.invoice_id}/${verb}`
    expect((await service.request('POST', path, {}, { key })).status).toBe(403)
  }
})
