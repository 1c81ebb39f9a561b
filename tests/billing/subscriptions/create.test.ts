import { afterEach, beforeEach, expect, test } from 'vitest'
import { readFacts } from '../../../src/log/read.ts'
import type { Reply, RequestOptions } from '../../support/requests.ts'
import { eventually, type Service, startService } from '../../support/service.ts'

let service: Service
let customerId: string
beforeEach(async () => {
  service = await startService()
  const customer = { tenant_id: 'tenant_a', email: 'a@example.com', name: 'A' }
  customerId = (await service.request('POST', '/billing/customers', customer)).body.data.customer_id
})
afterEach(() => service.close())

const subscribe = (more: object = {}, options: RequestOptions = {}): Promise<Reply> =>
  service.request(
    'POST',
    '/billing/subscriptions',
    {
      tenant_id: 'tenant_a',
      customer_id: customerId,
      price_id: 'price_basic_monthly',
      payment_method_id: 'pm_card_visa',
      ...more,
    },
    options,
  )
const atStripe = async () =>
  (await service.stripe.subscriptions.list({ customer: customerId, status: 'all', limit: 100 })).data
const operations = async (type: string) =>
  (await Array.fromAsync(readFacts(service.context.db.reader, { stream: 'billing-tenant_a', type }))).map(
    ({ data }) => data as { operation: string; idempotency_key: string; code?: string },
  )
const shown = async () => (await service.request('GET', '/billing/subscriptions/tenant/tenant_a')).body.data

test('a subscription is paid, shown and known by its plan', async () => {
  const reply = await subscribe()
  expect(reply.status).toBe(200)
  expect(reply.body.data).toMatchObject({
    tenant_id: 'tenant_a',
    customer_id: customerId,
    status: 'active',
    plan_id: 'basic',
    price_id: 'price_basic_monthly',
    amount_cents: 4900,
    currency: 'usd',
    billing_interval: 'month',
    billing_interval_count: 1,
    discounts: [],
    trial_ends_at: null,
    cancel_at_period_end: false,
    is_paused: false,
  })
  expect(reply.body.data).not.toHaveProperty('client_secret')
  expect(await shown()).toEqual(reply.body.data)
  const [invoice] = (await service.request('GET', '/billing/invoices/tenant/tenant_a')).body.data.items
  expect(invoice).toMatchObject({
    status: 'paid',
    total_cents: 14_900,
    subscription_id: reply.body.data.subscription_id,
  })
})

test('a trial with a discount begins without a payment', async () => {
  const reply = await subscribe({ trial_period_days: 14, discount_code: 'launch50' })
  expect(reply.body.data).toMatchObject({
    status: 'trialing',
    trial_ends_at: reply.body.data.current_period_end,
    discounts: [
      { coupon_id: 'LAUNCH50', promotion_code_id: 'promo_launch50', percent_off: 50, duration: 'once' },
    ],
  })
})

test('a second create-subscription creates no second subscription', async () => {
  const { subscription_id } = (await subscribe()).body.data
  const second = await subscribe({ price_id: 'price_enterprise_monthly' })
  expect(second.status).toBe(409)
  expect(second.body.error).toMatchObject({ code: 'already_subscribed', details: { subscription_id } })
  expect(await atStripe()).toHaveLength(1)
})

test('two requests at once create one subscription', async () => {
  const replies = await Promise.all([subscribe(), subscribe()])
  for (const { status, body } of replies)
    if (status !== 200) expect(body.error.code).toBe('already_subscribed')
  expect(replies.map(({ status }) => status)).toContain(200)
  expect(await atStripe()).toHaveLength(1)
})

test.each(['500_after', '500_before', 'reset_after'] as const)(
  'a creation that ended in %s and a crash is one subscription and one first invoice after the retry',
  async (kind) => {
    service.sandbox.faults.add({ method: 'POST', path: '/v1/subscriptions', kind, count: 2 })
    expect((await subscribe({ discount_code: 'LAUNCH50' })).status).toBe(503)
    const { directory, sandbox } = service
    const restarted = await startService({ directory, sandbox })
    const request = {
      tenant_id: 'tenant_a',
      customer_id: customerId,
      price_id: 'price_basic_monthly',
      payment_method_id: 'pm_card_visa',
      discount_code: 'LAUNCH50',
    }
    const reply = await eventually(() => restarted.request('POST', '/billing/subscriptions', request))
    await restarted.close()
    expect(reply.status).toBe(200)
    expect((await atStripe()).map(({ id }) => id)).toEqual([reply.body.data.subscription_id])
    expect((await service.stripe.invoices.list({ customer: customerId })).data).toHaveLength(1)
    expect((await service.stripe.coupons.retrieve('LAUNCH50')).times_redeemed).toBe(1)
  },
)

test('what is pending is settled before another subscription is thought of', async () => {
  service.sandbox.faults.add({ method: 'POST', path: '/v1/subscriptions', kind: '500_after', count: 2 })
  expect((await subscribe()).status).toBe(503)
  const other = await eventually(() => subscribe({ price_id: 'price_enterprise_monthly' }))
  expect(other.body.error.code).toBe('already_subscribed')
  expect((await atStripe()).map(({ items }) => items.data[0]?.price.id)).toEqual(['price_basic_monthly'])
})

test('the same Idempotency-Key answers the same subscription though the reply was lost', async () => {
  const options = { headers: { 'Idempotency-Key': 'one' } }
  const first = await subscribe({}, options)
  // A crash between the last fact and the stored reply.
  await service.context.db.reader.updateTable('idempotency_keys').set({ status: null, reply: null }).execute()
  const again = await subscribe({}, options)
  expect(again.status).toBe(200)
  expect(again.body).toEqual(first.body)
  expect(await atStripe()).toHaveLength(1)
})

test('a declined card is 402 with its code, leaves nothing behind, and another card gets a key of its own', async () => {
  const declined = await subscribe({ payment_method_id: 'pm_card_chargeCustomerFail' })
  expect(declined.status).toBe(402)
  expect(declined.body.error).toMatchObject({
    code: 'card_declined',
    details: { stripe_code: 'card_declined' },
  })
  expect(await shown()).toBeUndefined()
  const reply = await subscribe()
  expect(reply.status).toBe(200)
  expect((await operations('billing.operation_failed')).map(({ code }) => code)).toEqual(['card_declined'])
  const keys = (await operations('billing.operation_requested')).map((data) => data.idempotency_key)
  expect(new Set(keys).size).toBe(keys.length)
})

test('a bank that wants the customer gets a subscription that waits, and its secret is in no log', async () => {
  const options = { headers: { 'Idempotency-Key': 'one' } }
  const card = { payment_method_id: 'pm_card_authenticationRequiredOnSetup' }
  const reply = await subscribe(card, options)
  expect(reply.status).toBe(200)
  expect(reply.body.data).toMatchObject({ status: 'incomplete', requires_action: true })
  const { client_secret } = reply.body.data
  expect(client_secret).toMatch(/_secret_/)
  // Nothing is stored, so it is carried out again, and finds what it has made.
  const again = await subscribe(card, options)
  expect(again.body).toEqual(reply.body)
  expect((await atStripe()).filter(({ status }) => status !== 'incomplete_expired')).toHaveLength(1)

  const everything = JSON.stringify([
    await service.context.db.reader.selectFrom('billing_events').selectAll().execute(),
    await service.context.db.reader.selectFrom('idempotency_keys').selectAll().execute(),
    await service.context.db.reader.selectFrom('effects').selectAll().execute(),
    service.logLines,
  ])
  expect(everything).not.toContain(client_secret)
})

test('a customer without a payment method is told so, and may have a trial', async () => {
  const refused = await subscribe({ payment_method_id: undefined })
  expect(refused.status).toBe(409)
  expect(refused.body.error.code).toBe('payment_method_required')
  expect((await subscribe({ payment_method_id: undefined, trial_period_days: 7 })).body.data.status).toBe(
    'trialing',
  )
})

test.each([
  ['price_id', { price_id: 'price_unknown' }],
  ['discount_code', { discount_code: 'NOPE' }],
  ['trial_period_days', { trial_period_days: -1 }],
  ['payment_method_id', { payment_method_id: 'pm_unknown' }],
])('an unusable %s is 422 and nothing is changed', async (path, more) => {
  const reply = await subscribe(more)
  expect(reply.status).toBe(422)
  expect(reply.body.error.details.fields).toEqual([{ path, message: expect.any(String) }])
  expect(await atStripe()).toEqual([])
})

test('a price that was taken off sale is 422 and nothing is changed', async () => {
  await service.stripe.prices.update('price_basic_monthly', { active: false })
  const reply = await subscribe()
  expect(reply.status).toBe(422)
  expect(reply.body.error.details.fields[0].path).toBe('price_id')
  expect(await operations('billing.operation_requested')).toHaveLength(1)
})

test("another tenant's customer is 404, as one that does not exist", async () => {
  const tenantB = { tenant_id: 'tenant_b', email: 'b@example.com', name: 'B' }
  await service.request('POST', '/billing/customers', tenantB)
  const replies = [
    await subscribe({ tenant_id: 'tenant_b' }),
    await subscribe({ customer_id: 'cus_unknown' }),
  ]
  expect(replies.map(({ status }) => status)).toEqual([404, 404])
  expect(replies[0]?.body.error.message).toBe(replies[1]?.body.error.message)
})

test("a coupon's last redemption, raced by two tenants: one gets it, the other gets 409", async () => {
  await service.request('POST', '/billing/discounts', { code: 'LAST', percent_off: 20, max_redemptions: 1 })
  const tenants = ['tenant_b', 'tenant_c']
  const replies = await Promise.all(
    tenants.map(async (tenant_id) => {
      const customer = { tenant_id, email: `${tenant_id}@example.com`, name: tenant_id }
      const { customer_id } = (await service.request('POST', '/billing/customers', customer)).body.data
      return subscribe({ tenant_id, customer_id, discount_code: 'LAST' })
    }),
  )
  expect(replies.map(({ status }) => status).sort()).toEqual([200, 409])
  expect(replies.find(({ status }) => status === 409)?.body.error.code).toBe('conflict')
  expect((await service.stripe.coupons.retrieve('LAST')).times_redeemed).toBe(1)
})
