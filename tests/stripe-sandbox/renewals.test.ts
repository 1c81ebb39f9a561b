import type Stripe from 'stripe'
import { expect, test } from 'vitest'
import { customerWithCard, refusal, start } from './start.ts'
import { invoicesOf, iso, moveTo, priceOf, seconds, toldSince } from './time.ts'

const monthly = [{ price: 'price_basic_monthly' }]

async function subscribed(
  params: Partial<Stripe.SubscriptionCreateParams> = {},
  from = '2027-01-31T12:00:00Z',
) {
  const running = await start({ clock: () => Date.parse(from) })
  const { stripe } = running
  const customer = await customerWithCard(stripe)
  const subscription = await stripe.subscriptions.create({ customer: customer.id, items: monthly, ...params })
  return { ...running, customer, subscription }
}

const periods = (invoices: Stripe.Invoice[]) =>
  invoices.map(({ lines }) => lines.data.map(({ period }) => `${iso(period.start)} ${iso(period.end)}`))

test('a renewal is told of in the order of Stripe: upcoming, the new period, a draft, an hour later paid', async () => {
  const running = await subscribed()
  const { stripe, subscription } = running
  await moveTo(running, '2027-02-28T13:00:00Z')
  expect(await toldSince(stripe, '2027-02-01T00:00:00Z')).toEqual([
    '2027-02-21T12:00 invoice.upcoming',
    '2027-02-28T12:00 customer.subscription.updated',
    '2027-02-28T12:00 invoice.created',
    '2027-02-28T13:00 payment_intent.created',
    '2027-02-28T13:00 invoice.finalized',
    '2027-02-28T13:00 charge.succeeded',
    '2027-02-28T13:00 payment_intent.succeeded',
    '2027-02-28T13:00 invoice.updated',
    '2027-02-28T13:00 invoice_payment.paid',
    '2027-02-28T13:00 invoice.payment_succeeded',
    '2027-02-28T13:00 invoice.paid',
  ])
  const [, renewal] = await invoicesOf(stripe, subscription.id)
  expect(renewal).toMatchObject({
    billing_reason: 'subscription_cycle',
    created: seconds('2027-02-28T12:00:00Z'),
    period_start: seconds('2027-01-31T12:00:00Z'),
    period_end: seconds('2027-02-28T12:00:00Z'),
    status: 'paid',
    total: 4900,
    attempt_count: 1,
  })
  expect((await stripe.subscriptions.retrieve(subscription.id)).latest_invoice).toBe(renewal?.id)
  const [upcoming] = (await stripe.events.list({ type: 'invoice.upcoming' })).data
  expect(upcoming?.data.object).toMatchObject({ object: 'invoice', total: 4900, status: 'draft' })
  expect(upcoming?.data.object).not.toHaveProperty('id')
})

test('a month that lacks the day renews on its last one, and the next month on the day again', async () => {
  const running = await subscribed()
  await moveTo(running, '2027-05-01T00:00:00Z')
  expect(periods(await invoicesOf(running.stripe, running.subscription.id))).toEqual([
    ['2027-01-31T12:00 2027-02-28T12:00'],
    ['2027-02-28T12:00 2027-03-31T12:00'],
    ['2027-03-31T12:00 2027-04-30T12:00'],
    ['2027-04-30T12:00 2027-05-31T12:00'],
  ])
})

test.each([
  ['day', 1, '2027-02-01T12:00', '2027-02-02T12:00'],
  ['week', 1, '2027-02-07T12:00', '2027-02-14T12:00'],
  ['month', 3, '2027-04-30T12:00', '2027-07-31T12:00'],
  ['year', 1, '2028-01-31T12:00', '2029-01-31T12:00'],
] as const)('every %s × %i renews where the interval ends', async (interval, count, first, second) => {
  const running = await start({ clock: () => Date.parse('2027-01-31T12:00:00Z') })
  const { stripe } = running
  const customer = await customerWithCard(stripe)
  const price = await priceOf(stripe, 1000, interval, count)
  const { id } = await stripe.subscriptions.create({ customer: customer.id, items: [{ price }] })
  await moveTo(running, `${first}:00Z`)
  expect(periods(await invoicesOf(stripe, id))).toEqual([
    [`2027-01-31T12:00 ${first}`],
    [`${first} ${second}`],
  ])
})

test('what is pending is on the renewal, and so is what is added while it is a draft; later is too late', async () => {
  const running = await subscribed()
  const { stripe, customer, subscription } = running
  const item = (amount: number, invoice?: string) =>
    stripe.invoiceItems.create({
      customer: customer.id,
      amount,
      currency: 'usd',
      ...(invoice && { invoice }),
    })
  await item(100)
  await moveTo(running, '2027-02-28T12:30:00Z')
  const [, draft] = await invoicesOf(stripe, subscription.id)
  expect(draft).toMatchObject({
    status: 'draft',
    total: 5000,
    automatically_finalizes_at: seconds('2027-02-28T13:00:00Z'),
  })
  await item(20, draft?.id)
  await moveTo(running, '2027-02-28T13:00:00Z')
  expect(await stripe.invoices.retrieve(draft?.id ?? '')).toMatchObject({ status: 'paid', amount_paid: 5020 })
  expect((await refusal(item(1, draft?.id))).code).toBe('invoice_not_editable')
})

test('items of two intervals have periods of their own, and one invoice where they meet', async () => {
  const running = await start({ clock: () => Date.parse('2027-01-31T12:00:00Z') })
  const { stripe } = running
  const customer = await customerWithCard(stripe)
  const quarterly = await priceOf(stripe, 10_000, 'month', 3)
  const { id } = await stripe.subscriptions.create({
    customer: customer.id,
    items: [{ price: quarterly }, ...monthly],
  })
  await moveTo(running, '2027-04-30T13:00:00Z')
  const invoices = await invoicesOf(stripe, id)
  expect(invoices.map(({ total }) => total)).toEqual([14_900, 4900, 4900, 14_900])
  expect(periods(invoices).at(-1)).toEqual([
    '2027-04-30T12:00 2027-07-31T12:00',
    '2027-04-30T12:00 2027-05-31T12:00',
  ])
})

test('up to an anchor in the future a share is billed, or nothing; then whole periods', async () => {
  const anchor = seconds('2027-02-10T12:00:00Z')
  const running = await subscribed({ billing_cycle_anchor: anchor })
  const { stripe, customer, subscription } = running
  const free = await stripe.subscriptions.create({
    customer: customer.id,
    items: monthly,
    billing_cycle_anchor: anchor,
    proration_behavior: 'none',
  })
  await moveTo(running, '2027-02-10T13:00:00Z')
  // 10 of the 31 days from 10 January.
  expect((await invoicesOf(stripe, subscription.id)).map(({ total }) => total)).toEqual([1581, 4900])
  expect((await invoicesOf(stripe, free.id)).map(({ total }) => total)).toEqual([0, 4900])
  const late = stripe.subscriptions.create({
    customer: customer.id,
    items: monthly,
    billing_cycle_anchor: seconds('2027-04-01T00:00:00Z'),
  })
  expect((await refusal(late)).param).toBe('billing_cycle_anchor')
})

test('the anchor can be set to now: the rest is given back, and a whole period begins', async () => {
  const running = await subscribed({}, '2027-03-01T00:00:00Z')
  const { stripe, subscription } = running
  await moveTo(running, '2027-03-11T00:00:00Z')
  const preview = await stripe.invoices.createPreview({
    subscription: subscription.id,
    subscription_details: { billing_cycle_anchor: { type: 'now' } },
  })
  await stripe.subscriptions.update(subscription.id, { billing_cycle_anchor: { type: 'now' } })
  await moveTo(running, '2027-04-11T01:00:00Z')
  const invoices = await invoicesOf(stripe, subscription.id)
  // 21 of 31 days of 4900.
  expect(invoices.map(({ total }) => total)).toEqual([4900, 4900 - 3319, 4900])
  expect(invoices[1]?.total).toBe(preview.total)
})

test('a trial is announced three days ahead, and followed by a first renewal that is paid', async () => {
  const running = await subscribed({ trial_period_days: 14 })
  const { stripe, subscription } = running
  const preview = await stripe.invoices.createPreview({ subscription: subscription.id })
  await moveTo(running, '2027-02-14T13:00:00Z')
  expect((await toldSince(stripe, '2027-02-01T00:00:00Z')).slice(0, 5)).toEqual([
    '2027-02-07T12:00 invoice.upcoming',
    '2027-02-11T12:00 customer.subscription.trial_will_end',
    '2027-02-14T12:00 customer.subscription.updated',
    '2027-02-14T12:00 invoice.created',
    '2027-02-14T13:00 payment_intent.created',
  ])
  const [trial, first] = await invoicesOf(stripe, subscription.id)
  expect(trial).toMatchObject({ total: 0, status: 'paid', billing_reason: 'subscription_create' })
  expect(first).toMatchObject({ total: preview.total, status: 'paid', billing_reason: 'subscription_cycle' })
  expect((await stripe.subscriptions.retrieve(subscription.id)).status).toBe('active')
})

test('a trial of less than three days is announced at once', async () => {
  const { stripe } = await subscribed({ trial_period_days: 2 })
  expect(await toldSince(stripe, '2027-01-31T12:00:00Z')).toContain(
    '2027-01-31T12:00 customer.subscription.trial_will_end',
  )
})

test('a trial is made longer, ended by hand, and given to one who pays already', async () => {
  const running = await subscribed({ trial_period_days: 14 }, '2027-03-01T00:00:00Z')
  const { stripe, subscription } = running
  const until = seconds('2027-03-20T00:00:00Z')
  const longer = await stripe.subscriptions.update(subscription.id, { trial_end: until })
  expect(longer).toMatchObject({
    status: 'trialing',
    trial_end: until,
    latest_invoice: subscription.latest_invoice,
  })
  await moveTo(running, '2027-03-16T00:00:00Z')
  expect((await stripe.subscriptions.retrieve(subscription.id)).status).toBe('trialing')
  const preview = await stripe.invoices.createPreview({
    subscription: subscription.id,
    subscription_details: { trial_end: 'now' },
  })
  const ended = await stripe.subscriptions.update(subscription.id, {
    trial_end: 'now',
    expand: ['latest_invoice'],
  })
  expect(ended).toMatchObject({ status: 'active', latest_invoice: { status: 'paid', total: preview.total } })
  await moveTo(running, '2027-04-05T12:00:00Z')
  const again = await stripe.subscriptions.update(subscription.id, {
    trial_end: seconds('2027-04-10T00:00:00Z'),
    expand: ['latest_invoice'],
  })
  // 10.5 of 31 days are given back: credit on the customer's balance.
  expect(again).toMatchObject({ status: 'trialing', latest_invoice: { total: -1660, status: 'paid' } })
  await moveTo(running, '2027-04-10T01:00:00Z')
  const last = (await invoicesOf(stripe, subscription.id)).at(-1)
  expect(last).toMatchObject({ total: 4900, starting_balance: -1660, ending_balance: 0, amount_paid: 3240 })
})

async function paused() {
  const running = await start({ clock: () => Date.parse('2027-03-01T00:00:00Z') })
  const { stripe } = running
  const customer = await stripe.customers.create({})
  const { id } = await stripe.subscriptions.create({
    customer: customer.id,
    items: monthly,
    trial_period_days: 7,
    trial_settings: { end_behavior: { missing_payment_method: 'pause' } },
  })
  await moveTo(running, '2027-05-01T00:00:00Z')
  expect((await stripe.subscriptions.retrieve(id)).status).toBe('paused')
  expect(await invoicesOf(stripe, id)).toHaveLength(1)
  const pay = async (card: string) => {
    const method = await stripe.paymentMethods.attach(card, { customer: customer.id })
    await stripe.subscriptions.update(id, { default_payment_method: method.id })
  }
  return { ...running, id, pay }
}

test('a trial that ends without a card pauses, and is resumed with a period that begins then', async () => {
  const { stripe, id, pay } = await paused()
  await pay('pm_card_visa')
  const resumed = await stripe.subscriptions.resume(id)
  expect(resumed.status).toBe('active')
  expect(iso(resumed.items.data[0]?.current_period_end)).toBe('2027-06-01T00:00')
  expect((await toldSince(stripe, '2027-05-01T00:00:00Z')).at(-1)).toBe(
    '2027-05-01T00:00 customer.subscription.resumed',
  )
})

test('resumed in the rhythm that it had, the rest of the period is charged', async () => {
  const { stripe, id, pay } = await paused()
  await pay('pm_card_visa')
  const resumed = await stripe.subscriptions.resume(id, { billing_cycle_anchor: { type: 'unchanged' } })
  expect(iso(resumed.items.data[0]?.current_period_end)).toBe('2027-05-08T00:00')
  // 7 of the 30 days from 8 April.
  const { data } = await stripe.invoiceItems.list({ pending: true })
  expect(data.map(({ amount }) => amount)).toEqual([1143])
})

test('resumed on success it stays paused until it is paid, and its invoice is void after 23 hours', async () => {
  const running = await paused()
  const { stripe, id, pay } = running
  const resume = () => stripe.subscriptions.resume(id, { payment_behavior: 'resume_on_payment_success' })
  expect((await resume()).status).toBe('paused')
  await moveTo(running, '2027-05-01T23:00:00Z')
  expect((await invoicesOf(stripe, id)).map(({ status }) => status)).toEqual(['paid', 'void'])
  await pay('pm_card_visa')
  const again = await resume()
  expect(again.status).toBe('paused')
  await stripe.invoices.pay(again.latest_invoice as string)
  expect((await stripe.subscriptions.retrieve(id)).status).toBe('active')
  expect((await toldSince(stripe, '2027-05-01T23:00:00Z')).at(-1)).toBe(
    '2027-05-01T23:00 customer.subscription.resumed',
  )
})

test('cancelled at the end of the period or in the middle, it ends by itself, unless that is taken back', async () => {
  const running = await subscribed({}, '2027-03-01T00:00:00Z')
  const { stripe, customer, subscription } = running
  const other = await customerWithCard(stripe)
  const create = (from = customer.id) => stripe.subscriptions.create({ customer: from, items: monthly })
  const [kept, pending, middle] = [await create(), await create(), await create(other.id)]
  for (const { id } of [subscription, kept, pending])
    await stripe.subscriptions.update(id, { cancel_at_period_end: true })
  const cut = await stripe.subscriptions.update(middle.id, { cancel_at: seconds('2027-03-11T00:00:00Z') })
  expect(iso(cut.items.data[0]?.current_period_end)).toBe('2027-03-11T00:00')
  const waiting = { customer: customer.id, subscription: pending.id, amount: 700, currency: 'usd' }
  await stripe.invoiceItems.create(waiting)
  const last = await stripe.invoices.createPreview({ subscription: pending.id })
  await moveTo(running, '2027-03-20T00:00:00Z')
  expect(await stripe.subscriptions.retrieve(middle.id)).toMatchObject({
    status: 'canceled',
    ended_at: seconds('2027-03-11T00:00:00Z'),
  })
  await stripe.subscriptions.update(kept.id, { cancel_at_period_end: false })
  await moveTo(running, '2027-04-01T01:00:00Z')
  const statuses = [subscription, kept, pending].map(async ({ id }) => stripe.subscriptions.retrieve(id))
  expect((await Promise.all(statuses)).map(({ status }) => status)).toEqual([
    'canceled',
    'active',
    'canceled',
  ])
  expect((await invoicesOf(stripe, subscription.id)).map(({ total }) => total)).toEqual([4900])
  expect((await invoicesOf(stripe, kept.id)).map(({ total }) => total)).toEqual([4900, 4900])
  // 21 of 31 days are given back: the last invoice puts them on the balance.
  expect((await invoicesOf(stripe, middle.id)).map(({ total }) => total)).toEqual([4900, -3319])
  expect(await stripe.customers.retrieve(other.id)).toMatchObject({ balance: -3319 })
  expect((await invoicesOf(stripe, pending.id)).map(({ total }) => total)).toEqual([4900, last.total])
  expect((await invoicesOf(stripe, pending.id)).at(-1)).toMatchObject({ status: 'paid', amount_paid: 700 })
})

test('an end in a period to come cuts that one short, and bills the share', async () => {
  const running = await subscribed({}, '2027-03-01T00:00:00Z')
  const { stripe, subscription } = running
  await stripe.subscriptions.update(subscription.id, { cancel_at: seconds('2027-04-16T00:00:00Z') })
  await moveTo(running, '2027-04-16T00:00:00Z')
  expect((await invoicesOf(stripe, subscription.id)).map(({ total }) => total)).toEqual([4900, 2450])
  expect((await stripe.subscriptions.retrieve(subscription.id)).status).toBe('canceled')
})

test('an end at once gives the rest back and bills what is pending, if asked', async () => {
  const running = await subscribed({}, '2027-03-01T00:00:00Z')
  const { stripe, customer, subscription } = running
  await moveTo(running, '2027-03-11T00:00:00Z')
  await stripe.invoiceItems.create({
    customer: customer.id,
    subscription: subscription.id,
    amount: 5000,
    currency: 'usd',
  })
  const preview = await stripe.invoices.createPreview({
    subscription: subscription.id,
    subscription_details: { cancel_now: true },
  })
  await stripe.subscriptions.cancel(subscription.id, { prorate: true, invoice_now: true })
  const last = (await invoicesOf(stripe, subscription.id)).at(-1)
  expect(last).toMatchObject({ total: 5000 - 3319, status: 'paid' })
  expect(preview.total).toBe(last?.total)
})

test('a discount of two months runs out by itself, and is told of', async () => {
  const running = await start({ clock: () => Date.parse('2027-03-01T00:00:00Z') })
  const { stripe } = running
  await stripe.coupons.create({ id: 'TWO', percent_off: 20, duration: 'repeating', duration_in_months: 2 })
  const customer = await customerWithCard(stripe)
  const { id } = await stripe.subscriptions.create({
    customer: customer.id,
    items: monthly,
    discounts: [{ coupon: 'TWO' }],
  })
  await moveTo(running, '2027-04-20T00:00:00Z')
  const preview = await stripe.invoices.createPreview({ subscription: id })
  await moveTo(running, '2027-05-01T01:00:00Z')
  expect((await invoicesOf(stripe, id)).map(({ total }) => total)).toEqual([3920, 3920, 4900])
  expect(preview.total).toBe(4900)
  expect(await toldSince(stripe, '2027-05-01T00:00:00Z')).toContain(
    '2027-05-01T00:00 customer.discount.deleted',
  )
  expect((await stripe.subscriptions.retrieve(id)).discounts).toEqual([])
})

test.each([
  ['void', 'void'],
  ['mark_uncollectible', 'uncollectible'],
  ['keep_as_draft', 'draft'],
] as const)(
  'paused with %s, renewals go on and are %s, until collection resumes by itself',
  async (behavior, status) => {
    const running = await subscribed({}, '2027-03-01T00:00:00Z')
    const { stripe, subscription } = running
    const resumes_at = seconds('2027-04-15T00:00:00Z')
    await stripe.subscriptions.update(subscription.id, { pause_collection: { behavior, resumes_at } })
    await moveTo(running, '2027-04-20T00:00:00Z')
    expect((await stripe.subscriptions.retrieve(subscription.id)).pause_collection).toBeNull()
    await moveTo(running, '2027-05-01T01:00:00Z')
    const invoices = await invoicesOf(stripe, subscription.id)
    expect(invoices.map((invoice) => invoice.status)).toEqual(['paid', status, 'paid'])
    expect((await stripe.subscriptions.retrieve(subscription.id)).status).toBe('active')
    const upcoming = (await stripe.events.list({ type: 'invoice.upcoming', limit: 100 })).data
    expect(upcoming.map(({ created }) => iso(created))).toEqual(['2027-04-24T00:00'])
  },
)

test('an invoice that is sent is due after its days, overdue makes it past due, and paid mends it', async () => {
  const running = await subscribed(
    { collection_method: 'send_invoice', days_until_due: 5 },
    '2027-03-01T00:00:00Z',
  )
  const { stripe, subscription } = running
  const [first] = await invoicesOf(stripe, subscription.id)
  await stripe.invoices.pay(first?.id ?? '', { paid_out_of_band: true })
  await moveTo(running, '2027-04-01T01:00:00Z')
  const [, second] = await invoicesOf(stripe, subscription.id)
  expect(second).toMatchObject({
    status: 'open',
    due_date: seconds('2027-04-06T01:00:00Z'),
    attempted: false,
  })
  expect(await toldSince(stripe, '2027-04-01T01:00:00Z')).toContain('2027-04-01T01:00 invoice.sent')
  await moveTo(running, '2027-04-06T01:00:00Z')
  expect(await toldSince(stripe, '2027-04-06T00:00:00Z')).toEqual([
    '2027-04-06T01:00 invoice.overdue',
    '2027-04-06T01:00 customer.subscription.updated',
  ])
  expect((await stripe.subscriptions.retrieve(subscription.id)).status).toBe('past_due')
  await stripe.invoices.pay(second?.id ?? '', { paid_out_of_band: true })
  expect((await stripe.subscriptions.retrieve(subscription.id)).status).toBe('active')
})
