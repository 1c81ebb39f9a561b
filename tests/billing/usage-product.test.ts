import { afterEach, beforeEach, expect, test } from 'vitest'
import { type Service, startService } from '../support/service.ts'
import { settled, type Wizard, wizard } from '../support/wizard.ts'

/** What may be subscribed to: plans in the currency of the rate card. What usage is sold as is none. */

let service: Service
let tenant: Wizard
beforeEach(async () => {
  service = await startService({ webhooks: true, environment: { BILLING_TRIAL_PERIOD_DAYS: '0' } })
  tenant = wizard(service)
})
afterEach(() => service.close())

const monthly = { interval: 'month' } as const

test('a price in another currency than usage is charged in is refused, wherever it is chosen', async () => {
  const { id } = await service.stripe.prices.create({
    ...{ product: 'prod_basic', currency: 'eur', unit_amount: 4_500, recurring: monthly },
  })
  await tenant.to('confirmCard')
  const refused = {
    status: 422,
    body: {
      error: { code: 'currency_mismatch', details: { currency: 'eur', rate_card_currency: 'usd' } },
    },
  }
  expect(await tenant.selectPlan({ plan_id: 'basic', price_id: id })).toMatchObject(refused)
  const { tenantId: tenant_id, customerId: customer_id } = tenant.of
  const asked = { tenant_id, customer_id, price_id: id, trial_period_days: 14 }
  expect(await service.request('POST', '/billing/subscriptions', asked)).toMatchObject(refused)
  expect((await service.stripe.subscriptions.list({ customer: customer_id })).data).toEqual([])
  expect((await tenant.selectPlan()).status).toBe(200)
})

test('the product of the platform base is charged with the first plan, and is on no list of plans', async () => {
  const plansBefore = (await service.request('GET', '/billing/plans')).body.data
  await tenant.to('createSubscription')
  await settled(service)
  const { body } = await service.request('GET', `/billing/invoices/tenant/${tenant.of.tenantId}`)
  expect(body.data.items).toMatchObject([{ status: 'paid', total_cents: 14_900 }])
  const product = 'stepledger_usage'
  const { id } = await service.stripe.prices.create({
    ...{ product, currency: 'usd', unit_amount: 100, recurring: monthly },
  })
  await settled(service)
  expect((await service.request('GET', '/billing/plans')).body.data).toEqual(plansBefore)
  const other = wizard(service)
  await other.to('confirmCard')
  expect(await other.selectPlan({ plan_id: 'usage', price_id: id })).toMatchObject({
    status: 422,
    body: { error: { code: 'invalid_request' } },
  })
})

test('the subscription says which base it was made with, and its invoice item bears the key of the call', async () => {
  await tenant.to('createSubscription')
  await settled(service)
  const subscription = await service.stripe.subscriptions.retrieve(tenant.of.subscriptionId)
  expect(subscription.metadata).toMatchObject({ stepledger_base_cents: '10000' })
  const items = await service.context.db.reader.selectFrom('billing_invoice_items').selectAll().execute()
  expect(items).toMatchObject([
    { amount_cents: 10_000, made_under: `${subscription.metadata.stepledger_key}:base` },
  ])
})
