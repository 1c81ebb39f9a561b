import { afterEach, beforeEach, expect, test } from 'vitest'
import { requireStripe } from '../../../src/context.ts'
import { resolvePrice } from '../../../src/inbox/catalogue/price-terms.ts'
import { syncCatalogue } from '../../../src/inbox/catalogue/sync-catalogue.ts'
import { ingest } from '../../../src/inbox/ingest.ts'
import { readFacts } from '../../../src/log/read.ts'
import { makeUnfixedPrices } from '../../support/prices.ts'
import { type Service, startService } from '../../support/service.ts'

let service: Service
beforeEach(async () => {
  service = await startService({ catalogue: false })
})
afterEach(() => service.close())

const facts = () => Array.fromAsync(readFacts(service.context.db.reader, { stream: 'catalog' }))
const plans = async () => (await service.request('GET', '/billing/plans')).body.data

test('plans are there at the first request, cheapest first', async () => {
  const { items, next_cursor } = await plans()
  expect(next_cursor).toBeNull()
  expect(items.map((plan: { plan_id: string }) => plan.plan_id)).toEqual([
    'basic',
    'professional',
    'enterprise',
  ])
  const due = (billing_interval: string, plan_cents: number) => ({
    today_cents: 0,
    trial_days: 14,
    currency: 'usd',
    billing_interval,
    interval_count: 1,
    invoices: [{ count: null, plan_cents, platform_base_cents: 10_000, total_cents: plan_cents + 10_000 }],
    monthly_base_cents: billing_interval === 'year' ? 10_000 : 0,
    usage_rates: [
      { usage_type: 'agent', rate_cents: 5000, per_units: 1 },
      { usage_type: 'user', rate_cents: 2500, per_units: 1 },
      { usage_type: 'case', rate_cents: 1000, per_units: 1 },
      { usage_type: 'event_ingestion', rate_cents: 1, per_units: 1 },
      { usage_type: 'api_call', rate_cents: 10, per_units: 1000 },
    ],
  })
  expect(items[0]).toEqual({
    plan_id: 'basic',
    product_id: 'prod_basic',
    name: 'Basic',
    description: null,
    prices: [
      {
        price_id: 'price_basic_monthly',
        amount_cents: 4900,
        currency: 'usd',
        billing_interval: 'month',
        interval_count: 1,
        due: due('month', 4900),
      },
      {
        price_id: 'price_basic_yearly',
        amount_cents: 49000,
        currency: 'usd',
        billing_interval: 'year',
        interval_count: 1,
        due: due('year', 49_000),
      },
    ],
  })
})

test('a price without one amount for a period is offered as no plan', async () => {
  await makeUnfixedPrices(service.stripe)
  await syncCatalogue(service.context)
  const { items } = await plans()
  expect(items).toHaveLength(3)
  expect(items[0].prices.map((price: { price_id: string }) => price.price_id)).toEqual([
    'price_basic_monthly',
    'price_basic_yearly',
  ])
})

test('a quarterly price is offered, chosen, subscribed to and changed to as one of every three months', async () => {
  const { id: price_id } = await service.stripe.prices.create({
    product: 'prod_basic',
    currency: 'usd',
    unit_amount: 13_900,
    recurring: { interval: 'month', interval_count: 3 },
  })
  await syncCatalogue(service.context)
  const everyThreeMonths = { billing_interval: 'month', billing_interval_count: 3 }
  expect((await plans()).items[0].prices[1]).toMatchObject({
    price_id,
    billing_interval: 'month',
    interval_count: 3,
  })

  const body = { tenant_id: 'tenant_a', email: 'a@example.com', name: 'A' }
  const { customer_id } = (await service.request('POST', '/billing/customers', body)).body.data
  const subscription = {
    tenant_id: 'tenant_a',
    customer_id,
    price_id,
    payment_method_id: 'pm_card_visa',
  }
  const subscribed = await service.request('POST', '/billing/subscriptions', subscription)
  expect(subscribed.body.data).toMatchObject(everyThreeMonths)
  const path = `/billing/subscriptions/${subscribed.body.data.subscription_id}/preview-change`
  const monthly = await service.request('POST', path, { price_id: 'price_basic_monthly' })
  expect(monthly.body.data).toMatchObject({ billing_interval: 'month', billing_interval_count: 1 })

  const stripe = requireStripe(service.context)
  expect(await resolvePrice(stripe, price_id)).toMatchObject(everyThreeMonths)
})

test('a sync records what has changed and nothing else', async () => {
  expect(await syncCatalogue(service.context)).toBe(11)
  expect(await syncCatalogue(service.context)).toBe(0)
  const before = (await facts()).length

  await service.stripe.prices.update('price_basic_yearly', { active: false })
  expect(await syncCatalogue(service.context)).toBe(1)
  await service.stripe.prices.update('price_basic_yearly', { active: true })
  expect(await syncCatalogue(service.context)).toBe(1)
  expect(await facts()).toHaveLength(before + 2)
  expect((await plans()).items[0].prices).toHaveLength(2)
})

test('what a webhook has told is not recorded again', async () => {
  await syncCatalogue(service.context)
  await service.stripe.products.update('prod_basic', { description: 'For one' })
  const [event] = (await service.stripe.events.list({ type: 'product.updated' })).data
  if (event === undefined) throw new Error('no event')
  // An event must be newer than the row; this one is of the same second.
  await ingest(service.context, { ...event, created: event.created + 1 })
  expect(await syncCatalogue(service.context)).toBe(0)
  expect((await plans()).items[0].description).toBe('For one')
})

test('what is not sold any more is no plan', async () => {
  await syncCatalogue(service.context)
  await service.stripe.products.update('prod_professional', { active: false })
  await service.stripe.prices.update('price_basic_yearly', { active: false })
  await syncCatalogue(service.context)
  const { items } = await plans()
  expect(items.map((plan: { plan_id: string }) => plan.plan_id)).toEqual(['basic', 'enterprise'])
  expect(items[0].prices).toHaveLength(1)
})
