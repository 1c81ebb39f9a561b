import type Stripe from 'stripe'
import { expect, test } from 'vitest'
import { customerWithCard, refusal, start } from './start.ts'

async function subscribe(stripe: Stripe, discount: Stripe.SubscriptionCreateParams.Discount) {
  const customer = await customerWithCard(stripe)
  return stripe.subscriptions.create({
    customer: customer.id,
    items: [{ price: 'price_basic_monthly' }],
    discounts: [discount],
    expand: ['latest_invoice'],
  })
}

test('of two who race for the last redemption one is refused, and nothing is left of its subscription', async () => {
  const { stripe } = await start()
  const coupon = await stripe.coupons.create({ percent_off: 20, duration: 'once', max_redemptions: 1 })
  const outcomes = await Promise.allSettled([
    subscribe(stripe, { coupon: coupon.id }),
    subscribe(stripe, { coupon: coupon.id }),
  ])
  expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected'])
  const refused = outcomes.find((outcome) => outcome.status === 'rejected')
  expect(refused?.reason).toMatchObject({
    statusCode: 400,
    code: 'coupon_expired',
    param: 'discounts[0][coupon]',
  })
  expect(await stripe.coupons.retrieve(coupon.id)).toMatchObject({ times_redeemed: 1, valid: false })
  expect((await stripe.subscriptions.list()).data).toHaveLength(1)
})

test('a promotion code has limits of its own: count, time, customer, switched off', async () => {
  const { stripe, clock } = await start()
  const promotion = { type: 'coupon', coupon: 'LAUNCH50' } as const
  const make = (params: Omit<Stripe.PromotionCodeCreateParams, 'promotion'>) =>
    stripe.promotionCodes.create({ promotion, ...params })
  const refused = async (id: string) => refusal(subscribe(stripe, { promotion_code: id }))
  const once = await make({ code: 'ONCE', max_redemptions: 1 })
  await subscribe(stripe, { promotion_code: once.id })
  expect(await refused(once.id)).toMatchObject({
    code: 'coupon_expired',
    message: expect.stringContaining('ONCE') as string,
  })
  expect(await stripe.promotionCodes.retrieve(once.id)).toMatchObject({ times_redeemed: 1, active: false })
  const brief = await make({ code: 'BRIEF', expires_at: clock.nowMs / 1000 + 60 })
  const off = await stripe.promotionCodes.update((await make({ code: 'OFF' })).id, { active: false })
  const owner = await stripe.customers.create({})
  const own = await make({ code: 'OWN', customer: owner.id })
  clock.nowMs += 60_000
  expect((await refused(brief.id)).code).toBe('coupon_expired')
  expect((await refused(off.id)).code).toBe('coupon_expired')
  expect((await refused(own.id)).message).toContain('another customer')
  expect((await refused('promo_none')).code).toBe('resource_missing')
  const { data } = await stripe.promotionCodes.list({ active: true, coupon: 'LAUNCH50' })
  expect(data.map(({ code }) => code).sort()).toEqual(['LAUNCH50', 'OWN'])
})

test('amounts off stop at the price; shares of several lines add up', async () => {
  const { stripe } = await start()
  const large = await stripe.coupons.create({ amount_off: 100_000, currency: 'usd', duration: 'once' })
  const free = await subscribe(stripe, { coupon: large.id })
  expect(free).toMatchObject({ status: 'active', latest_invoice: { total: 0, status: 'paid' } })
  const customer = await customerWithCard(stripe)
  for (const amount of [333, 333, 334])
    await stripe.invoiceItems.create({ customer: customer.id, amount, currency: 'usd' })
  const third = await stripe.coupons.create({ percent_off: 33.33, duration: 'once' })
  const invoice = await stripe.invoices.create({
    customer: customer.id,
    pending_invoice_items_behavior: 'include',
    discounts: [{ coupon: third.id }],
  })
  const shares = invoice.lines.data.map((line) => line.discount_amounts?.[0]?.amount ?? 0)
  expect(shares.reduce((sum, share) => sum + share, 0)).toBe(333)
  expect(invoice).toMatchObject({ subtotal: 1000, total: 667 })
})

test('coupons that make no sense are refused', async () => {
  const { stripe } = await start()
  const bad: Stripe.CouponCreateParams[] = [
    {},
    { percent_off: 0 },
    { percent_off: 101 },
    { amount_off: 100 },
    { amount_off: 100, currency: 'usd', percent_off: 10 },
    { percent_off: 10, duration: 'repeating' },
    { id: 'LAUNCH50', percent_off: 10 },
  ]
  for (const params of bad) expect((await refusal(stripe.coupons.create(params))).statusCode).toBe(400)
})

test('an amount off may last for ever: Stripe takes it again, in all versions, since 2026-01-28', async () => {
  const { stripe } = await start()
  const coupon = await stripe.coupons.create({ amount_off: 100, currency: 'usd', duration: 'forever' })
  const { id } = await subscribe(stripe, { coupon: coupon.id })
  expect((await stripe.invoices.createPreview({ subscription: id })).total).toBe(4800)
})

test('a deleted coupon is gone for new ones, and stays with whom it was given to', async () => {
  const { stripe } = await start()
  const coupon = await stripe.coupons.create({ id: 'HALF', percent_off: 50, duration: 'forever' })
  const { id } = await subscribe(stripe, { coupon: coupon.id })
  await stripe.coupons.del('HALF')
  expect((await refusal(subscribe(stripe, { coupon: 'HALF' }))).code).toBe('resource_missing')
  expect((await stripe.invoices.createPreview({ subscription: id })).total).toBe(2450)
})

test('the products of a coupon are shown when they are asked for, and limit what it takes off', async () => {
  const { stripe } = await start()
  const { id } = await stripe.coupons.create({
    percent_off: 50,
    duration: 'forever',
    applies_to: { products: ['prod_basic'] },
  })
  expect(await stripe.coupons.retrieve(id)).not.toHaveProperty('applies_to')
  const asked = await stripe.coupons.retrieve(id, { expand: ['applies_to'] })
  expect(asked.applies_to).toEqual({ products: ['prod_basic'] })
  const { data } = await stripe.coupons.list({ expand: ['data.applies_to'] })
  expect(data.map((coupon) => coupon.applies_to?.products)).toEqual([['prod_basic'], undefined])
  expect(await subscribe(stripe, { coupon: id })).toMatchObject({ latest_invoice: { total: 2450 } })
})
