import fc from 'fast-check'
import Stripe from 'stripe'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { afterDiscounts } from '../../src/pricing/discount-cents.ts'
import { ppmOf } from '../../src/projections/read-value.ts'
import { type Sandbox, startSandbox } from '../../src/stripe-sandbox/sandbox.ts'

let sandbox: Sandbox
let stripe: Stripe
let customer: string
beforeAll(async () => {
  sandbox = await startSandbox({ file: ':memory:' })
  const { hostname: host, port } = new URL(sandbox.url)
  stripe = new Stripe('sk_test_of_the_tests', { host, port, protocol: 'http', telemetry: false })
  customer = (await stripe.customers.create({ email: 'a@example.com' })).id
})
afterAll(() => sandbox.close())

const products = ['prod_basic', 'prod_enterprise']
const amount = fc.oneof(fc.integer({ min: 1, max: 200 }), fc.integer({ min: 1, max: 30_000_000 }))
const limits = fc.option(fc.subarray(products, { minLength: 1, maxLength: 1 }))
const coupons = fc.record({
  terms: fc.oneof(
    fc.integer({ min: 1, max: 1_000_000 }).map((ppm) => ({ percent_off: ppm / 10_000 })),
    amount.map((amount_off) => ({ amount_off, currency: 'usd' })),
  ),
  product_ids: limits,
})

test('what discounts leave of a plan and of what waits beside it is what Stripe charges for each, to the cent', async () => {
  const invoices = fc.record({
    plan: fc.record({ cents: amount, productId: fc.constantFrom(...products) }),
    waiting: fc.array(fc.record({ cents: amount, productId: fc.constantFrom(...products) }), {
      maxLength: 2,
    }),
    discounts: fc.array(coupons, { minLength: 1, maxLength: 3 }),
  })
  await fc.assert(
    fc.asyncProperty(invoices, async ({ plan, waiting, discounts }) => {
      const priced = (of: typeof plan, recurring?: Stripe.PriceCreateParams.Recurring) =>
        stripe.prices.create({
          ...{ currency: 'usd', product: of.productId, unit_amount: of.cents },
          ...(recurring && { recurring }),
        })
      const price = await priced(plan, { interval: 'month' })
      const items = await Promise.all(waiting.map((each) => priced(each)))
      const made = await Promise.all(
        discounts.map(({ terms, product_ids }) =>
          stripe.coupons.create({
            ...{ ...terms, duration: 'once' },
            ...(product_ids && { applies_to: { products: product_ids } }),
          }),
        ),
      )
      const { lines, total } = await stripe.invoices.createPreview({
        customer,
        subscription_details: { items: [{ price: price.id }] },
        invoice_items: items.map(({ id }) => ({ price: id })),
        discounts: made.map(({ id }) => ({ coupon: id })),
      })
      const order = lines.data.map(({ pricing }) => pricing?.price_details?.price)
      const amounts = order.map((id) =>
        id === price.id ? plan : waiting[items.findIndex((of) => of.id === id)],
      )
      const left = afterDiscounts(
        amounts.map((of) => of ?? { cents: 0, productId: null }),
        discounts.map(({ terms, product_ids }) => ({
          percent_off_ppm: 'percent_off' in terms ? ppmOf(terms.percent_off) : null,
          amount_off_cents: 'amount_off' in terms ? terms.amount_off : null,
          product_ids,
        })),
      )
      const charged = lines.data.map(({ amount, discount_amounts }) =>
        (discount_amounts ?? []).reduce((rest, { amount }) => rest - amount, amount),
      )
      expect(left).toEqual(charged)
      expect(left.reduce((sum, cents) => sum + cents, 0)).toBe(total)
    }),
    { numRuns: 60 },
  )
}, 60_000)

test('never less than nothing, never more than before, and an amount off is used up to what there is', () => {
  const amounts = fc.array(fc.record({ cents: fc.nat(99_999_999), productId: fc.constantFrom(...products) }))
  fc.assert(
    fc.property(amounts, fc.nat(200_000_000), limits, (all, amount_off_cents, product_ids) => {
      const left = afterDiscounts(all, [{ percent_off_ppm: null, amount_off_cents, product_ids }])
      const lowered = all.filter(({ productId }) => product_ids === null || product_ids.includes(productId))
      const sum = (cents: readonly number[]) => cents.reduce((total, each) => total + each, 0)
      const off = Math.min(amount_off_cents, sum(lowered.map(({ cents }) => cents)))
      expect(sum(left)).toBe(sum(all.map(({ cents }) => cents)) - off)
      for (const [at, { cents }] of all.entries()) {
        expect(left[at]).toBeGreaterThanOrEqual(0)
        expect(left[at]).toBeLessThanOrEqual(cents)
      }
    }),
  )
})
