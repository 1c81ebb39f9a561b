import type Stripe from 'stripe'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Discount } from '../../src/billing/discounts.ts'
import { type Months, openMonths } from '../support/months.ts'
import { settled } from '../support/wizard.ts'

/** Discounts that are given, limited or ended at Stripe, beside what is redeemed here: the status says what Stripe will charge. */

let tenant: Months
beforeEach(async () => {
  tenant = await openMonths()
})
afterEach(() => tenant.close())

const half = { percent_off: 50, duration: 'forever' } as const
const enterpriseOnly = { applies_to: { products: ['prod_enterprise'] } }

async function give(subscription: string, ...coupons: Stripe.CouponCreateParams[]): Promise<string[]> {
  const ids: string[] = []
  for (const params of coupons) ids.push((await tenant.stripe.coupons.create(params)).id)
  const discounts = ids.map((coupon) => ({ coupon }))
  await tenant.stripe.subscriptions.update(subscription, { discounts })
  await settled(tenant.service)
  return ids
}

/** What the status says until then is what is charged then. @param time such as 2026-02-01 */
async function charges(time: string): Promise<number> {
  const said = await tenant.nextCents()
  await tenant.to(`${time}T02:00`)
  const { data } = await tenant.stripe.invoices.list({ customer: tenant.customerId, limit: 1 })
  expect(data[0]?.total).toBe(said)
  await tenant.isRight()
  return said
}
const moves = (price_id: string) =>
  tenant.does('change-plan', { price_id, proration_behavior: 'none' as const })

test('a coupon of one product lowers that alone, before and after a change of plan', async () => {
  const subscription = await tenant.subscribes('price_basic_monthly')
  await give(subscription, { ...half, ...enterpriseOnly })
  expect(await charges('2026-02-01')).toBe(4_900 + 10_000)
  await moves('price_enterprise_monthly')
  expect(await charges('2026-03-01')).toBe(14_950 + 10_000)
  await moves('price_basic_monthly')
  expect(await charges('2026-04-01')).toBe(4_900 + 10_000)
})

test('a coupon for one invoice waits for the first that it lowers', async () => {
  const subscription = await tenant.subscribes('price_basic_monthly')
  await give(subscription, { ...half, ...enterpriseOnly, duration: 'once' })
  expect(await charges('2026-02-01')).toBe(4_900 + 10_000)
  await moves('price_enterprise_monthly')
  expect(await charges('2026-03-01')).toBe(14_950 + 10_000)
  expect(await charges('2026-04-01')).toBe(29_900 + 10_000)
})

test('of a weekly plan it is used up by the first renewal, not by the one at the month’s end', async () => {
  await tenant.to('2026-02-01T00:00')
  const subscription = await tenant.subscribes(await tenant.price({ interval: 'week' }, 1300))
  await give(subscription, { ...half, duration: 'once' })
  expect(await charges('2026-03-01')).toBe(1_300 + 10_000)
})

test('several coupons take off one after the other, also of what waits and may be discounted', async () => {
  const subscription = await tenant.subscribes('price_basic_monthly')
  const third = { percent_off: 33.33, duration: 'forever' } as const
  await give(subscription, third, { amount_off: 333, currency: 'usd', duration: 'forever' }, third)
  const item = { customer: tenant.customerId, subscription, currency: 'usd' }
  for (const more of [{ amount: 1001 }, { amount: 500, discountable: false }, { amount: -300 }])
    await tenant.stripe.invoiceItems.create({ ...item, ...more })
  await settled(tenant.service)
  // 1001 and 4900 less a third are 667 and 3267, less 333 are 611 and 2990, less a third 407 and 1993.
  const said = await tenant.nextCents()
  expect(said).toBe(407 + 500 - 300 + 1_993 + 10_000)
  await tenant.to('2026-02-01T02:00')
  expect((await tenant.invoices()).at(-1)).toContain(`paid ${said}:`)
})

test('a coupon that is deleted, and made again on other terms, changes nothing for who has it', async () => {
  const subscription = await tenant.subscribes('price_basic_monthly')
  await give(subscription, { ...half, id: 'HALF' })
  await tenant.to('2026-01-02T00:00')
  await tenant.stripe.coupons.del('HALF')
  await tenant.to('2026-01-03T00:00')
  await tenant.stripe.coupons.create({ id: 'HALF', percent_off: 10, duration: 'once' })
  await settled(tenant.service)
  expect(await charges('2026-02-01')).toBe(2_450 + 10_000)
  await tenant.stripe.subscriptions.update(subscription, { metadata: { seen: 'again' } })
  await settled(tenant.service)
  expect(await charges('2026-03-01')).toBe(2_450 + 10_000)
})

/** As the list has them. */
const timesRedeemed = async (): Promise<Record<string, number>> => {
  const { items } = await tenant.ask('GET', '/billing/discounts')
  return Object.fromEntries(items.map((each: Discount) => [each.code, each.times_redeemed]))
}

test('the list of discounts counts what is redeemed elsewhere, by the code and by the coupon, by anybody', async () => {
  for (const code of ['HERE', 'THERE'])
    await tenant.ask('POST', '/billing/discounts', { code, percent_off: 50, max_redemptions: 9 })
  await tenant.subscribes('price_basic_monthly', { discount_code: 'HERE' })
  expect(await timesRedeemed()).toMatchObject({ HERE: 1, THERE: 0 })

  const { stripe } = tenant
  const { id: customer } = await stripe.customers.create({})
  const { id: default_payment_method } = await stripe.paymentMethods.attach('pm_card_visa', { customer })
  const [there] = (await stripe.promotionCodes.list({ code: 'THERE' })).data
  const items = [{ price: 'price_basic_monthly' }]
  const redeem = (discount: Stripe.SubscriptionCreateParams.Discount) =>
    stripe.subscriptions.create({ customer, items, default_payment_method, discounts: [discount] })
  await redeem({ promotion_code: there?.id ?? '' })
  await redeem({ coupon: 'HERE' })
  await settled(tenant.service)
  expect(await timesRedeemed()).toMatchObject({ HERE: 2, THERE: 1 })
  await tenant.isRight()
})

test('of a coupon that was deleted nothing is asked when its discounts end', async () => {
  const subscription = await tenant.subscribes('price_basic_monthly')
  await give(subscription, { ...half, id: 'HALF' })
  await tenant.to('2026-01-02T00:00')
  await tenant.stripe.coupons.del('HALF')
  await settled(tenant.service)
  await tenant.stripe.subscriptions.update(subscription, { discounts: '' })
  await settled(tenant.service)
  expect(await tenant.nextCents()).toBe(4_900 + 10_000)
})

test('the example of the documentation: a third off three months of a plan that is paid on the 15th', async () => {
  const months = { duration: 'repeating', duration_in_months: 3 }
  await tenant.ask('POST', '/billing/discounts', { code: 'THIRD', percent_off: 33.33, ...months })
  await tenant.to('2026-03-15T00:00')
  await tenant.subscribes('price_basic_monthly', { discount_code: 'THIRD' })
  await tenant.to('2026-04-20T00:00')
  expect(await tenant.nextCents()).toBe(13_267)
  await tenant.to('2026-05-20T00:00')
  expect(await tenant.nextCents()).toBe(14_900)
  await tenant.to('2026-06-15T02:00')
  expect((await tenant.invoices()).map((text) => text.split(':00 ')[1]?.split(':')[0])).toEqual([
    ...Array(3).fill('paid 13267'),
    'paid 14900',
  ])
})
