import { afterEach, beforeEach, expect, test } from 'vitest'
import { verifyTables } from '../../src/projections/replay.ts'
import { type Service, startService } from '../support/service.ts'

let service: Service
beforeEach(async () => {
  service = await startService()
  await service.request('POST', '/billing/discounts', { code: 'LAST', percent_off: 20, max_redemptions: 1 })
})
afterEach(() => service.close())

/** Onboarding up to the choice of a plan. */
async function sessionWithCard(email: string): Promise<string> {
  const applicant = { email, name: 'A', company_name: 'ACME' }
  const { session_id } = (await service.request('POST', '/onboarding/start', applicant)).body.data
  await service.request('POST', '/onboarding/step/create-customer', { session_id })
  const setup = { session_id, return_url: service.context.config.returnUrlOrigins[0] }
  const { setup_intent_id } = (await service.request('POST', '/onboarding/step/setup-payment', setup)).body
    .data
  await service.stripe.setupIntents.confirm(setup_intent_id, {
    payment_method: 'pm_card_visa',
    return_url: setup.return_url ?? '',
  })
  return session_id
}
const select = (session_id: string, discount_code = 'LAST') =>
  service.request('POST', '/onboarding/step/select-plan', {
    session_id,
    plan_id: 'basic',
    price_id: 'price_basic_monthly',
    discount_code,
  })
async function subscribe(tenant_id: string) {
  const customer = { tenant_id, email: `${tenant_id}@example.com`, name: tenant_id }
  const { customer_id } = (await service.request('POST', '/billing/customers', customer)).body.data
  return service.request('POST', '/billing/subscriptions', {
    tenant_id,
    customer_id,
    price_id: 'price_basic_monthly',
    payment_method_id: 'pm_card_visa',
    discount_code: 'last',
  })
}

test('what an open session holds is redeemed by nobody else, until it lets go', async () => {
  const first = await sessionWithCard('a@example.com')
  const second = await sessionWithCard('b@example.com')
  const replies = await Promise.all([select(first), select(second)])
  expect(replies.map(({ status }) => status).sort()).toEqual([200, 409])
  const holder = replies[0]?.status === 200 ? first : second
  expect((await select(holder)).status).toBe(200)

  const refused = await subscribe('tenant_c')
  expect(refused.status).toBe(409)
  expect(refused.body.error.code).toBe('conflict')

  await service.request('POST', '/onboarding/cancel', { session_id: holder })
  expect((await subscribe('tenant_c')).status).toBe(200)
  expect((await service.stripe.coupons.retrieve('LAST')).times_redeemed).toBe(1)
})

test('of tenants who race for the last redemption one has it, and the others are told', async () => {
  const replies = await Promise.all(['tenant_c', 'tenant_d', 'tenant_e'].map(subscribe))
  expect(replies.map(({ status }) => status).sort()).toEqual([200, 409, 409])
  for (const { status, body } of replies)
    if (status === 409) expect(body.error).toMatchObject({ code: 'conflict' })
  expect((await service.stripe.coupons.retrieve('LAST')).times_redeemed).toBe(1)
  expect((await service.stripe.subscriptions.list()).data).toHaveLength(1)
})

test('a code that ends between the choice of a plan and the subscription is given to nobody', async () => {
  const expires_at = new Date(service.context.now().getTime() + 3_600_000).toISOString()
  await service.request('POST', '/billing/discounts', { code: 'BRIEF', percent_off: 20, expires_at })
  const session_id = await sessionWithCard('a@example.com')
  expect(await select(session_id, 'BRIEF')).toMatchObject({ status: 200 })
  await service.sandbox.clock.advanceTo(Math.ceil(Date.parse(expires_at) / 1000))
  const create = () => service.request('POST', '/onboarding/step/create-subscription', { session_id })
  expect(await create()).toMatchObject({ status: 409, body: { error: { code: 'conflict' } } })
  const without = { session_id, plan_id: 'basic', price_id: 'price_basic_monthly' }
  const preview = await service.request('POST', '/onboarding/step/preview-plan', {
    ...without,
    discount_code: 'BRIEF',
  })
  expect(preview).toMatchObject({ status: 422 })
  expect(await service.request('POST', '/onboarding/step/select-plan', without)).toMatchObject({
    status: 200,
  })
  expect(await create()).toMatchObject({ status: 200 })
})

test('after all this the tables are what the log makes them', async () => {
  await subscribe('tenant_c')
  const { data } = (await service.request('GET', '/billing/subscriptions/tenant/tenant_c')).body
  const change = { price_id: 'price_enterprise_monthly' }
  await service.request('POST', `/billing/subscriptions/${data.subscription_id}/change-plan`, change)
  await service.request('POST', `/billing/subscriptions/${data.subscription_id}/cancel`)
  await service.request('DELETE', '/billing/discounts/LAST')
  const report = await verifyTables(service.context.db)
  expect(report).toMatchObject({ ok: true, drift: [] })
})
