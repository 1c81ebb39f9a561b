import type Stripe from 'stripe'
import { expect, test } from 'vitest'
import { authenticate, customerWithCard, eventTypes, refusal, start } from './start.ts'

const items = [{ price: 'price_enterprise_monthly' }]
const seconds = (iso: string) => Date.parse(iso) / 1000
const invoiceOf = (subscription: Stripe.Subscription) => subscription.latest_invoice as Stripe.Invoice

test('a first invoice takes the discount off the plan alone, is paid, and starts the subscription', async () => {
  const { stripe } = await start()
  const customer = await customerWithCard(stripe)
  await stripe.invoiceItems.create({
    customer: customer.id,
    amount: 10_000,
    currency: 'usd',
    discountable: false,
  })
  const subscription = await stripe.subscriptions.create({
    customer: customer.id,
    items,
    discounts: [{ coupon: 'LAUNCH50' }],
    metadata: { tenant: 'T' },
    expand: ['latest_invoice'],
  })
  const invoice = invoiceOf(subscription)
  expect(invoice).toMatchObject({ subtotal: 39_900, total: 24_950, amount_paid: 24_950, status: 'paid' })
  expect(invoice.lines.data.map((line) => [line.amount, line.discount_amounts?.[0]?.amount])).toEqual([
    [10_000, undefined],
    [29_900, 14_950],
  ])
  expect(invoice.parent?.subscription_details).toMatchObject({
    subscription: subscription.id,
    metadata: { tenant: 'T' },
  })
  expect(subscription.status).toBe('active')
  // Used up by the invoice that it took something off.
  expect(subscription.discounts).toEqual([])
  const [item] = subscription.items.data
  expect(item?.current_period_end).toBe(seconds('2026-12-01T12:00:00Z'))
  expect(await eventTypes(stripe)).toEqual([
    'payment_method.attached',
    'customer.created',
    'invoiceitem.created',
    'customer.discount.created',
    'customer.subscription.created',
    'invoice.created',
    'customer.subscription.updated',
    'customer.discount.deleted',
    'payment_intent.created',
    'invoice.finalized',
    'charge.succeeded',
    'payment_intent.succeeded',
    'invoice.updated',
    'invoice_payment.paid',
    'invoice.payment_succeeded',
    'invoice.paid',
    'customer.subscription.updated',
  ])
})

test('a trial costs nothing, needs no card, and keeps the discount for the first paid invoice', async () => {
  const { stripe } = await start()
  const customer = await stripe.customers.create({})
  const subscription = await stripe.subscriptions.create({
    customer: customer.id,
    items,
    trial_period_days: 14,
    discounts: [{ promotion_code: 'promo_launch50' }],
    expand: ['latest_invoice'],
  })
  expect(subscription).toMatchObject({ status: 'trialing', trial_end: seconds('2026-11-15T12:00:00Z') })
  expect(subscription.items.data[0]?.current_period_end).toBe(subscription.trial_end)
  expect(invoiceOf(subscription)).toMatchObject({ total: 0, status: 'paid' })
  expect(subscription.discounts).toHaveLength(1)
  const next = await stripe.invoices.createPreview({ subscription: subscription.id })
  expect(next).toMatchObject({ total: 14_950, status: 'draft' })
})

test('without a card and without a trial there is no subscription', async () => {
  const { stripe } = await start()
  const customer = await stripe.customers.create({})
  expect(await refusal(stripe.subscriptions.create({ customer: customer.id, items }))).toMatchObject({
    statusCode: 400,
    code: 'resource_missing',
  })
  expect((await stripe.subscriptions.list({ status: 'all' })).data).toEqual([])
})

test('missing and inactive prices are refused', async () => {
  const { stripe } = await start()
  const customer = await customerWithCard(stripe)
  const create = (price: string) =>
    refusal(stripe.subscriptions.create({ customer: customer.id, items: [{ price }] }))
  expect(await create('price_none')).toMatchObject({
    statusCode: 400,
    code: 'resource_missing',
    param: 'items[0][price]',
  })
  await stripe.prices.update('price_basic_monthly', { active: false })
  const inactive = await create('price_basic_monthly')
  expect(inactive).toMatchObject({ statusCode: 400, param: 'items[0][price]' })
  expect(inactive.message).toContain('inactive')
})

test('default_incomplete waits for the browser, which pays with the confirmation secret', async () => {
  const { stripe } = await start()
  const customer = await stripe.customers.create({})
  const subscription = await stripe.subscriptions.create({
    customer: customer.id,
    items,
    payment_behavior: 'default_incomplete',
    payment_settings: { save_default_payment_method: 'on_subscription' },
    expand: ['latest_invoice.confirmation_secret'],
  })
  expect(subscription.status).toBe('incomplete')
  const secret = invoiceOf(subscription).confirmation_secret?.client_secret ?? ''
  const [intent = ''] = secret.split('_secret_')
  await stripe.paymentIntents.confirm(intent, { payment_method: 'pm_card_visa' })
  const after = await stripe.subscriptions.retrieve(subscription.id)
  expect(after.status).toBe('active')
  expect(after.default_payment_method).toMatch(/^pm_/)
})

test('a card that wants 3-D Secure leaves it incomplete until the challenge is met', async () => {
  const { box, stripe } = await start()
  const customer = await customerWithCard(stripe, 'pm_card_threeDSecure2Required')
  const create = () =>
    stripe.subscriptions.create({
      customer: customer.id,
      items,
      expand: ['latest_invoice.confirmation_secret'],
    })
  const first = await create()
  expect(first.status).toBe('incomplete')
  expect(invoiceOf(first).confirmation_secret?.client_secret).toContain('_secret_')
  expect(await eventTypes(stripe)).toContain('invoice.payment_action_required')
  await authenticate(box, first.id, 'fail')
  expect((await stripe.subscriptions.retrieve(first.id)).status).toBe('incomplete')
  const second = await create()
  await authenticate(box, second.id, 'succeed')
  expect((await stripe.subscriptions.retrieve(second.id)).status).toBe('active')
})

test('an incomplete subscription expires after 23 hours, and its invoice is void', async () => {
  const { box, stripe, clock } = await start()
  const customer = await customerWithCard(stripe, 'pm_card_chargeCustomerFail')
  const { id, latest_invoice } = await stripe.subscriptions.create({ customer: customer.id, items })
  clock.nowMs += 23 * 60 * 60 * 1000 - 1000
  await box.deliverDue()
  expect((await stripe.subscriptions.retrieve(id)).status).toBe('incomplete')
  clock.nowMs += 1000
  expect((await stripe.subscriptions.retrieve(id)).status).toBe('incomplete_expired')
  expect((await stripe.invoices.retrieve(latest_invoice as string)).status).toBe('void')
})

test('error_if_incomplete leaves nothing behind', async () => {
  const { stripe } = await start()
  for (const card of ['pm_card_chargeCustomerFail', 'pm_card_threeDSecure2Required']) {
    const customer = await customerWithCard(stripe, card)
    const params = { customer: customer.id, items, payment_behavior: 'error_if_incomplete' } as const
    expect((await refusal(stripe.subscriptions.create(params))).statusCode).toBe(402)
  }
  expect((await stripe.subscriptions.list({ status: 'all' })).data).toEqual([])
  expect((await stripe.invoices.list()).data).toEqual([])
  expect(await eventTypes(stripe)).not.toContain('charge.failed')
})

test('a change of plan is prorated by the second, and previewed to the same cent', async () => {
  const { stripe, clock } = await start()
  const customer = await customerWithCard(stripe)
  const basic = await stripe.subscriptions.create({
    customer: customer.id,
    items: [{ price: 'price_basic_monthly' }],
  })
  clock.nowMs = Date.parse('2026-11-16T12:00:00Z')
  const id = basic.items.data[0]?.id ?? ''
  const change: Stripe.InvoiceCreatePreviewParams.SubscriptionDetails & Stripe.SubscriptionUpdateParams = {
    items: [{ id, price: 'price_professional_monthly' }],
    proration_behavior: 'always_invoice',
  }
  const preview = await stripe.invoices.createPreview({
    subscription: basic.id,
    subscription_details: change,
  })
  expect(preview.lines.data.map(({ amount }) => amount)).toEqual([-2450, 4950])
  expect((await stripe.subscriptions.retrieve(basic.id)).items.data[0]?.price.id).toBe('price_basic_monthly')
  const changed = await stripe.subscriptions.update(basic.id, { ...change, expand: ['latest_invoice'] })
  expect(invoiceOf(changed)).toMatchObject({
    total: preview.total,
    status: 'paid',
    billing_reason: 'subscription_update',
  })
  expect(changed.items.data[0]).toMatchObject({ id, price: { id: 'price_professional_monthly' } })
  const { data } = await stripe.events.list({ type: 'customer.subscription.updated', limit: 1 })
  expect(data[0]?.data).toMatchObject({
    previous_attributes: { items: expect.anything() as object, latest_invoice: basic.latest_invoice },
  })
})

test('prorations wait for the next invoice unless asked for at once; another interval starts a new cycle', async () => {
  const { stripe, clock } = await start()
  const customer = await customerWithCard(stripe)
  const made = await stripe.subscriptions.create({
    customer: customer.id,
    items: [{ price: 'price_basic_monthly' }],
  })
  clock.nowMs = Date.parse('2026-11-16T12:00:00Z')
  const id = made.items.data[0]?.id ?? ''
  const later = await stripe.subscriptions.update(made.id, {
    items: [{ id, price: 'price_professional_monthly' }],
  })
  expect(later.latest_invoice).toBe(made.latest_invoice)
  expect((await stripe.invoiceItems.list({ customer: customer.id, pending: true })).data).toHaveLength(2)
  const next = await stripe.invoices.createPreview({ subscription: made.id })
  expect(next.total).toBe(-2450 + 4950 + 9900)
  const yearly = await stripe.subscriptions.update(made.id, {
    items: [{ id, price: 'price_professional_yearly' }],
    expand: ['latest_invoice'],
  })
  // The waiting prorations, the rest of the professional month back, and the year.
  expect(invoiceOf(yearly).total).toBe(-2450 + 4950 - 4950 + 99_000)
  expect(yearly.items.data[0]?.current_period_end).toBe(seconds('2027-11-16T12:00:00Z'))
})

test('cancel at period end is taken back by the same field; cancel now ends it', async () => {
  const { stripe } = await start()
  const customer = await customerWithCard(stripe)
  const { id } = await stripe.subscriptions.create({ customer: customer.id, items })
  const ending = await stripe.subscriptions.update(id, { cancel_at_period_end: true })
  expect(ending).toMatchObject({
    status: 'active',
    cancel_at_period_end: true,
    cancel_at: seconds('2026-12-01T12:00:00Z'),
  })
  expect((await refusal(stripe.invoices.createPreview({ subscription: id }))).code).toBe(
    'invoice_upcoming_none',
  )
  const kept = await stripe.subscriptions.update(id, { cancel_at_period_end: false })
  expect(kept).toMatchObject({ cancel_at_period_end: false, cancel_at: null, canceled_at: null })
  expect(await stripe.subscriptions.cancel(id)).toMatchObject({ status: 'canceled', ended_at: kept.created })
  expect(await eventTypes(stripe)).toContain('customer.subscription.deleted')
  expect((await refusal(stripe.subscriptions.cancel(id))).code).toBe('resource_missing')
  expect((await stripe.subscriptions.list({ customer: customer.id })).data).toEqual([])
  expect((await stripe.subscriptions.list({ customer: customer.id, status: 'all' })).data).toHaveLength(1)
})

test('collection pauses and goes on; a trial that ends without a card pauses, and resumes with one', async () => {
  const { stripe } = await start()
  const customer = await stripe.customers.create({})
  const { id } = await stripe.subscriptions.create({
    customer: customer.id,
    items,
    trial_period_days: 7,
    trial_settings: { end_behavior: { missing_payment_method: 'pause' } },
  })
  const paused = await stripe.subscriptions.update(id, { pause_collection: { behavior: 'void' } })
  expect(paused.pause_collection).toEqual({ behavior: 'void', resumes_at: null })
  expect((await stripe.subscriptions.update(id, { pause_collection: '' })).pause_collection).toBeNull()
  expect((await stripe.subscriptions.update(id, { trial_end: 'now' })).status).toBe('paused')
  expect(await eventTypes(stripe)).toContain('customer.subscription.paused')
  await stripe.paymentMethods.attach('pm_card_visa', { customer: customer.id })
  const { data } = await stripe.customers.listPaymentMethods(customer.id)
  await stripe.subscriptions.update(id, { default_payment_method: data[0]?.id ?? '' })
  expect((await stripe.subscriptions.resume(id)).status).toBe('active')
  expect(await eventTypes(stripe)).toContain('customer.subscription.resumed')
})

test('subscription items are found by themselves', async () => {
  const { stripe } = await start()
  const customer = await customerWithCard(stripe)
  const { id, items: own } = await stripe.subscriptions.create({
    customer: customer.id,
    items: [{ ...items[0], quantity: 3 }],
  })
  const listed = await stripe.subscriptionItems.list({ subscription: id })
  expect(listed.data).toEqual(own.data)
  expect(await stripe.subscriptionItems.retrieve(own.data[0]?.id ?? '')).toMatchObject({
    quantity: 3,
    subscription: id,
  })
})
