import { afterEach, beforeEach, expect, test } from 'vitest'
import { requireStripe } from '../../../src/context.ts'
import { resolvePrice } from '../../../src/inbox/catalogue/price-terms.ts'
import { makeUnfixedPrices } from '../../support/prices.ts'
import { type Service, startService } from '../../support/service.ts'

let service: Service
beforeEach(async () => {
  service = await startService({ catalogue: false })
})
afterEach(() => service.close())

const resolve = (priceId: string) => resolvePrice(requireStripe(service.context), priceId)
const priceOf = async (more: object) =>
  (await service.stripe.prices.create({ product: 'prod_basic', currency: 'usd', unit_amount: 100, ...more }))
    .id
const refused = { code: 'invalid_request', details: { fields: [{ path: 'price_id' }] } }

test('a price is what Stripe says now, with its plan', async () => {
  expect(await resolve('price_basic_monthly')).toMatchObject({
    price_id: 'price_basic_monthly',
    product_id: 'prod_basic',
    plan_id: 'basic',
    plan_name: 'Basic',
    amount_cents: 4900,
    currency: 'usd',
    billing_interval: 'month',
    billing_interval_count: 1,
  })
})

test('a product without a plan id is a plan by its name', async () => {
  const { id } = await service.stripe.products.create({ name: 'Größer & Béyond' })
  const price = await priceOf({ product: id, recurring: { interval: 'year' } })
  const { plan_id, observations } = await resolve(price)
  expect(plan_id).toBe('gro-er-beyond')
  expect(observations.map(({ objectType }) => objectType)).toEqual(['product', 'price'])
})

test('what cannot be subscribed to is refused on price_id', async () => {
  const oneTime = await priceOf({})
  const unfixed = await makeUnfixedPrices(service.stripe)
  await service.stripe.prices.update('price_basic_yearly', { active: false })
  await service.stripe.products.update('prod_enterprise', { active: false })
  for (const id of ['price_unknown', oneTime, ...unfixed, 'price_basic_yearly', 'price_enterprise_monthly'])
    await expect(resolve(id)).rejects.toMatchObject(refused)
})

test('when Stripe is away the refusal says so', async () => {
  service.sandbox.faults.add({ method: 'GET', path: '/v1/prices/', kind: '500_before', count: 2 })
  await expect(resolve('price_basic_monthly')).rejects.toMatchObject({ code: 'stripe_unavailable' })
})
