import fc from 'fast-check'
import type Stripe from 'stripe'
import { expect, test } from 'vitest'
import { wholePeriod } from '../../src/stripe-sandbox/subscriptions/periods.ts'
import { customerWithCard, refusal, start } from './start.ts'
import { invoicesOf, moveTo, priceOf, seconds } from './time.ts'

async function basicSince(from: string, params: Partial<Stripe.SubscriptionCreateParams> = {}) {
  const running = await start({ clock: () => Date.parse(from) })
  const { stripe } = running
  const customer = await customerWithCard(stripe)
  const subscription = await stripe.subscriptions.create({
    customer: customer.id,
    items: [{ price: 'price_basic_monthly' }],
    ...params,
  })
  return { ...running, customer, subscription, item: subscription.items.data[0]?.id ?? '' }
}

test('each change gives back the rest of what was debited last, and charges the rest at the new price', async () => {
  const running = await basicSince('2027-04-01T00:00:00Z')
  const { stripe, subscription, item } = running
  const change = (params: Stripe.SubscriptionUpdateParams.Item) =>
    stripe.subscriptions.update(subscription.id, { items: [{ id: item, ...params }] })
  await moveTo(running, '2027-04-11T00:00:00Z')
  await change({ price: 'price_professional_monthly' })
  await moveTo(running, '2027-04-21T00:00:00Z')
  await change({ quantity: 3 })
  const pending = async () =>
    (await stripe.invoiceItems.list({ pending: true, limit: 100 })).data.map(({ amount }) => amount).reverse()
  // 20 of 30 days, then 10 of 30: the second credit is half of the 66.00 that the first change charged.
  expect(await pending()).toEqual([-3267, 6600, -3300, 9900])
  const preview = await stripe.invoices.createPreview({ subscription: subscription.id })
  await moveTo(running, '2027-05-01T01:00:00Z')
  const renewal = (await invoicesOf(stripe, subscription.id)).at(-1)
  expect(renewal).toMatchObject({ total: -3267 + 6600 - 3300 + 9900 + 29_700, status: 'paid' })
  expect(preview).toMatchObject({ total: renewal?.total, amount_due: renewal?.amount_due })
})

test('a discounted debit is given back discounted, and what a proration date says is counted to the second', async () => {
  const running = await basicSince('2027-04-01T00:00:00Z', { discounts: [{ coupon: 'LAUNCH50' }] })
  const { stripe, subscription, item } = running
  await moveTo(running, '2027-04-11T00:00:00Z')
  const change: Stripe.InvoiceCreatePreviewParams.SubscriptionDetails & Stripe.SubscriptionUpdateParams = {
    items: [{ id: item, price: 'price_professional_monthly' }],
    proration_behavior: 'always_invoice',
    proration_date: seconds('2027-04-10T23:59:59Z'),
  }
  const preview = await stripe.invoices.createPreview({
    subscription: subscription.id,
    subscription_details: change,
  })
  await stripe.subscriptions.update(subscription.id, change)
  const last = (await invoicesOf(stripe, subscription.id)).at(-1)
  expect(last?.lines.data.map(({ amount }) => amount)).toEqual([-1633, 6600])
  expect(last?.lines.data[0]?.period.start).toBe(change.proration_date)
  expect(preview.total).toBe(last?.total)
})

test('a proration date outside the current period of any item is refused, and changes nothing', async () => {
  const running = await basicSince('2027-04-01T00:00:00Z')
  const { stripe, subscription, item } = running
  await moveTo(running, '2027-05-21T00:00:00Z')
  const change = (date: string) =>
    stripe.subscriptions.update(subscription.id, {
      items: [{ id: item, price: 'price_professional_monthly' }],
      proration_date: seconds(date),
    })
  for (const date of ['2027-04-01T00:00:00Z', '2027-04-30T23:59:59Z', '2027-06-01T00:00:01Z'])
    expect(await refusal(change(date))).toMatchObject({ statusCode: 400, param: 'proration_date' })
  const amounts = async () =>
    (await stripe.invoiceItems.list({ pending: true })).data.map(({ amount }) => amount).reverse()
  expect(await amounts()).toEqual([])
  await change('2027-05-01T00:00:00Z')
  expect(await amounts()).toEqual([-4900, 9900])
})

test('a period whose invoice was voided has nothing to give back', async () => {
  const running = await basicSince('2027-04-01T00:00:00Z')
  const { stripe, subscription, item } = running
  await stripe.subscriptions.update(subscription.id, { pause_collection: { behavior: 'void' } })
  await moveTo(running, '2027-05-16T12:00:00Z')
  await stripe.subscriptions.update(subscription.id, {
    pause_collection: '',
    items: [{ id: item, price: 'price_professional_monthly' }],
  })
  const { data } = await stripe.invoiceItems.list({ pending: true })
  expect(data.map(({ amount }) => amount)).toEqual([4950])
})

test('an item is added and taken off within a period, whatever its interval', async () => {
  const running = await basicSince('2027-04-01T00:00:00Z')
  const { stripe, subscription } = running
  await moveTo(running, '2027-04-16T00:00:00Z')
  const yearly = await priceOf(stripe, 36_500, 'year')
  const added = await stripe.subscriptions.update(subscription.id, {
    items: [{ price: 'price_professional_monthly' }, { price: yearly }],
  })
  const { data } = await stripe.invoiceItems.list({ pending: true })
  // The year has 366 days, of which 351 are left.
  expect(data.map(({ amount }) => amount).sort((a, b) => a - b)).toEqual([4950, 35_004])
  const professional = added.items.data.find(({ price }) => price.id === 'price_professional_monthly')
  await moveTo(running, '2027-04-26T00:00:00Z')
  await stripe.subscriptions.update(subscription.id, {
    items: [{ id: professional?.id ?? '', deleted: true }],
  })
  await moveTo(running, '2027-05-01T01:00:00Z')
  const renewal = (await invoicesOf(stripe, subscription.id)).at(-1)
  expect(renewal?.total).toBe(4950 + 35_004 - 1650 + 4900)
})

test('whole periods follow each other without a gap, and all lie around their time', () => {
  const recurrence = fc.record({
    interval: fc.constantFrom('day' as const, 'week' as const, 'month' as const, 'year' as const),
    interval_count: fc.integer({ min: 1, max: 12 }),
  })
  const time = fc.integer({ min: seconds('2020-01-01T00:00:00Z'), max: seconds('2040-01-01T00:00:00Z') })
  fc.assert(
    fc.property(time, recurrence, time, (anchor, each, now) => {
      const { start: begins, end } = wholePeriod(anchor, each, now)
      expect(begins <= now && now < end).toBe(true)
      expect(wholePeriod(anchor, each, end).start).toBe(end)
      expect(wholePeriod(anchor, each, begins - 1).end).toBe(begins)
    }),
  )
})
