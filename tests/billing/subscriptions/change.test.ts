import { afterEach, beforeEach, expect, test } from 'vitest'
import { readFacts } from '../../../src/log/read.ts'
import { eventually, type Service, startService } from '../../support/service.ts'

let service: Service
let id: string
beforeEach(async () => {
  service = await startService()
  id = await subscribe('tenant_a')
})
afterEach(() => service.close())

async function subscribe(tenant_id: string, more: object = {}): Promise<string> {
  const customer = { tenant_id, email: `${tenant_id}@example.com`, name: tenant_id }
  const { customer_id } = (await service.request('POST', '/billing/customers', customer)).body.data
  const reply = await service.request('POST', '/billing/subscriptions', {
    tenant_id,
    customer_id,
    price_id: 'price_basic_monthly',
    payment_method_id: 'pm_card_visa',
    ...more,
  })
  return reply.body.data.subscription_id
}
const post = (verb: string, body?: object, of = id) =>
  service.request('POST', `/billing/subscriptions/${of}/${verb}`, body)
const keysOf = async (operation: string) =>
  (
    await Array.fromAsync(
      readFacts(service.context.db.reader, { type: 'billing.operation_requested', tenantId: 'tenant_a' }),
    )
  ).flatMap(({ data }) => {
    const asked = data as { operation: string; idempotency_key: string }
    return asked.operation === operation ? [asked.idempotency_key] : []
  })

test('cancel, resume, cancel: a key per operation, and the last one stands', async () => {
  expect((await post('cancel')).body.data).toMatchObject({ cancel_at_period_end: true, status: 'active' })
  expect((await post('resume')).body.data).toMatchObject({ cancel_at_period_end: false, cancel_at: null })
  expect((await post('cancel')).body.data.cancel_at_period_end).toBe(true)
  expect((await service.stripe.subscriptions.retrieve(id)).cancel_at_period_end).toBe(true)
  const keys = [...(await keysOf('cancel')), ...(await keysOf('resume'))]
  expect(keys).toHaveLength(3)
  expect(new Set(keys).size).toBe(3)
})

test('what is so already is answered again without another call', async () => {
  const first = await post('cancel')
  const again = await post('cancel')
  expect(again.status).toBe(200)
  expect(again.body).toEqual(first.body)
  expect(await keysOf('cancel')).toHaveLength(1)
  expect((await post('pause')).status).toBe(200)
  expect((await post('pause')).status).toBe(200)
  expect(await keysOf('pause')).toHaveLength(1)
})

test.each(['500_after', 'reset_after', '500_before'] as const)(
  'a cancel that ended in %s never comes after the resume that followed it',
  async (kind) => {
    service.sandbox.faults.add({ method: 'POST', path: `/v1/subscriptions/${id}`, kind, count: 2 })
    expect((await post('cancel')).status).toBe(503)
    const resumed = await eventually(() => post('resume'))
    expect(resumed.status).toBe(200)
    expect(resumed.body.data.cancel_at_period_end).toBe(false)
    expect((await service.stripe.subscriptions.retrieve(id)).cancel_at_period_end).toBe(false)
    const pending = await service.context.db.reader
      .selectFrom('effects')
      .select('effect_id')
      .where('status', '=', 'pending')
      .where('kind', 'in', ['cancel_subscription', 'update_subscription'])
      .execute()
    expect(pending).toEqual([])
  },
)

test('a cancel now of unknown outcome is found to be done', async () => {
  service.sandbox.faults.add({
    method: 'DELETE',
    path: `/v1/subscriptions/${id}`,
    kind: '500_after',
    count: 1,
  })
  const reply = await eventually(() => post('cancel', { at_period_end: false }))
  expect(reply.status).toBe(200)
  expect(reply.body.data).toMatchObject({ status: 'canceled', ended_at: expect.any(String) })
})

test('after the end a tenant may subscribe again, and the live one is shown', async () => {
  await post('cancel', { at_period_end: false })
  const next = await subscribe('tenant_a')
  expect(next).not.toBe(id)
  const reply = await service.request('GET', '/billing/subscriptions/tenant/tenant_a')
  expect(reply.body.data).toMatchObject({ subscription_id: next, status: 'active' })
})

test('a pause stops collecting until it is resumed', async () => {
  expect((await post('pause')).body.data).toMatchObject({ is_paused: true, status: 'active' })
  expect((await service.stripe.subscriptions.retrieve(id)).pause_collection?.behavior).toBe('void')
  expect((await post('resume')).body.data.is_paused).toBe(false)
  expect((await service.stripe.subscriptions.retrieve(id)).pause_collection).toBeNull()
})

test('a change of plan costs what its preview has said', async () => {
  const change = { price_id: 'price_enterprise_monthly', proration_behavior: 'always_invoice' }
  const preview = (await post('preview-change', change)).body.data
  expect(preview).toMatchObject({
    subscription_id: id,
    plan_id: 'enterprise',
    currency: 'usd',
    recurring_amount_cents: 29900,
    billing_interval: 'month',
  })
  expect(preview.lines.length).toBeGreaterThan(0)
  expect((await service.request('GET', '/billing/subscriptions/tenant/tenant_a')).body.data.plan_id).toBe(
    'basic',
  )

  const reply = await post('change-plan', change)
  expect(reply.status).toBe(200)
  expect(reply.body.data).toMatchObject({
    plan_id: 'enterprise',
    price_id: 'price_enterprise_monthly',
    amount_cents: 29900,
  })
  const { items } = (await service.request('GET', '/billing/invoices/tenant/tenant_a')).body.data
  const invoice = items.find((each: { total_cents: number }) => each.total_cents !== 14_900)
  expect(invoice).toMatchObject({ billing_reason: 'subscription_update', status: 'paid' })
  // A second may have gone by between the two.
  expect(Math.abs(invoice.total_cents - preview.amount_due_cents)).toBeLessThanOrEqual(1)
  expect((await post('change-plan', change)).body).toEqual(reply.body)
  expect(await keysOf('change_plan')).toHaveLength(1)
})

test('a change that cannot be paid changes nothing', async () => {
  const [card] = (
    await service.stripe.paymentMethods.list({
      customer: (await service.stripe.subscriptions.retrieve(id)).customer as string,
    })
  ).data
  expect(card).toBeDefined()
  const bad = await service.stripe.paymentMethods.attach('pm_card_chargeCustomerFail', {
    customer: (await service.stripe.subscriptions.retrieve(id)).customer as string,
  })
  await service.stripe.subscriptions.update(id, { default_payment_method: bad.id })
  const reply = await post('change-plan', {
    price_id: 'price_enterprise_monthly',
    proration_behavior: 'always_invoice',
  })
  expect(reply.status).toBe(402)
  expect((await service.stripe.subscriptions.retrieve(id)).items.data[0]?.price.id).toBe(
    'price_basic_monthly',
  )
  expect((await service.request('GET', '/billing/subscriptions/tenant/tenant_a')).body.data.plan_id).toBe(
    'basic',
  )
})

test('a price in another currency, or none, is 422', async () => {
  const euros = await service.stripe.prices.create({
    product: 'prod_basic',
    currency: 'eur',
    unit_amount: 4900,
    recurring: { interval: 'month' },
  })
  for (const price_id of [euros.id, 'price_unknown'])
    for (const verb of ['change-plan', 'preview-change']) {
      const reply = await post(verb, { price_id })
      expect(reply.status).toBe(422)
      expect(reply.body.error.details.fields[0].path).toBe('price_id')
    }
})

test('a subscription is changed by the platform: a tenant’s key, its own or another’s, is 403', async () => {
  await subscribe('tenant_b')
  const keys = [await service.tenantKey('tenant_a'), await service.tenantKey('tenant_b')]
  const price = { price_id: 'price_enterprise_monthly' }
  const before = await service.context.db.reader.selectFrom('billing_events').select('position').execute()
  for (const [verb, body] of [
    ['cancel', undefined],
    ['resume', undefined],
    ['pause', undefined],
    ['change-plan', price],
    ['preview-change', price],
  ] as const)
    for (const key of keys) {
      const reply = await service.request('POST', `/billing/subscriptions/${id}/${verb}`, body, { key })
      expect(reply.status).toBe(403)
    }
  const after = await service.context.db.reader.selectFrom('billing_events').select('position').execute()
  expect(after).toHaveLength(before.length)
})
