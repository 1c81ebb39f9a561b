import type Stripe from 'stripe'
import { expect, test } from 'vitest'
import { authenticate, clientOf, customerWithCard, eventTypes, refusal, start } from './start.ts'

const cardOf = (number: string): Stripe.PaymentMethodCreateParams => ({
  type: 'card',
  card: { number, exp_month: 12, exp_year: 2034, cvc: '123' },
})

/** For confirming where there is no page to come back to. */
const noRedirects = { automatic_payment_methods: { enabled: true, allow_redirects: 'never' as const } }

test('4242… is set up and attached', async () => {
  const { stripe } = await start()
  const customer = await stripe.customers.create({})
  const intent = await stripe.setupIntents.create({
    customer: customer.id,
    ...noRedirects,
  })
  expect(intent).toMatchObject({ status: 'requires_payment_method', usage: 'off_session' })
  const method = await stripe.paymentMethods.create(cardOf('4242 4242 4242 4242'))
  expect(method.card).toMatchObject({ brand: 'visa', last4: '4242', exp_year: 2034 })
  const done = await stripe.setupIntents.confirm(intent.id, { payment_method: method.id })
  expect(done).toMatchObject({ status: 'succeeded', payment_method: method.id })
  expect((await stripe.customers.listPaymentMethods(customer.id)).data.map(({ id }) => id)).toEqual([
    method.id,
  ])
  expect(await eventTypes(stripe)).toEqual([
    'customer.created',
    'setup_intent.created',
    'payment_method.attached',
    'setup_intent.succeeded',
  ])
})

test('…0002 is declined at set-up, which can be tried again with another card', async () => {
  const { stripe } = await start()
  const intent = await stripe.setupIntents.create(noRedirects)
  const method = await stripe.paymentMethods.create(cardOf('4000000000000002'))
  const error = await refusal(stripe.setupIntents.confirm(intent.id, { payment_method: method.id }))
  expect(error).toMatchObject({
    statusCode: 402,
    code: 'card_declined',
    decline_code: 'generic_decline',
    type: 'StripeCardError',
  })
  const after = await stripe.setupIntents.retrieve(intent.id)
  expect(after).toMatchObject({ status: 'requires_payment_method', payment_method: null })
  expect(after.last_setup_error?.code).toBe('card_declined')
  expect(await eventTypes(stripe)).toContain('setup_intent.setup_failed')
  const second = await stripe.setupIntents.confirm(intent.id, { payment_method: 'pm_card_mastercard' })
  expect(second).toMatchObject({ status: 'succeeded', last_setup_error: null })
})

test('…3155 waits for the challenge at set-up; afterwards it pays without one', async () => {
  const { box, stripe } = await start()
  const customer = await stripe.customers.create({})
  const intent = await stripe.setupIntents.create({ customer: customer.id, ...noRedirects })
  const method = await stripe.paymentMethods.create(cardOf('4000002500003155'))
  const waiting = await stripe.setupIntents.confirm(intent.id, { payment_method: method.id })
  expect(waiting).toMatchObject({ status: 'requires_action', next_action: { type: 'use_stripe_sdk' } })
  expect(await authenticate(box, intent.id, 'succeed')).toBe(200)
  expect((await stripe.setupIntents.retrieve(intent.id)).status).toBe('succeeded')
  const subscription = await stripe.subscriptions.create({
    customer: customer.id,
    default_payment_method: method.id,
    items: [{ price: 'price_basic_monthly' }],
  })
  expect(subscription.status).toBe('active')
})

test('a failed challenge leaves the set-up without a payment method', async () => {
  const { box, stripe } = await start()
  const intent = await stripe.setupIntents.create()
  await stripe.setupIntents.confirm(intent.id, {
    payment_method: 'pm_card_authenticationRequiredOnSetup',
    return_url: 'http://localhost:8080/back',
  })
  expect((await stripe.setupIntents.retrieve(intent.id)).next_action?.redirect_to_url?.return_url).toContain(
    '/back',
  )
  expect(await authenticate(box, intent.id, 'fail')).toBe(200)
  const after = await stripe.setupIntents.retrieve(intent.id)
  expect(after).toMatchObject({ status: 'requires_payment_method', payment_method: null })
  expect(after.last_setup_error?.code).toBe('setup_intent_authentication_failure')
  expect(await authenticate(box, intent.id, 'succeed')).toBe(400)
})

test('a browser confirms its own intent alone, with a publishable key and the client secret', async () => {
  const { box, stripe } = await start()
  const intent = await stripe.setupIntents.create()
  const url = `${box.url}/v1/setup_intents/${intent.id}`
  const headers = { Authorization: 'Bearer pk_test_browser' }
  expect((await fetch(url, { headers })).status).toBe(400)
  expect((await fetch(`${url}?client_secret=${intent.id}_secret_wrong`, { headers })).status).toBe(400)
  expect((await fetch(`${url}?client_secret=${intent.client_secret}`, { headers })).status).toBe(200)
  const body = new URLSearchParams({
    client_secret: intent.client_secret ?? '',
    'payment_method_data[type]': 'card',
    'payment_method_data[card][number]': '4242424242424242',
  })
  const confirmed = await fetch(`${url}/confirm`, { method: 'POST', headers, body })
  expect(await confirmed.json()).toMatchObject({ status: 'succeeded' })
  const made = await clientOf(box, 'pk_test_browser').paymentMethods.create(cardOf('4242424242424242'))
  expect(made.type).toBe('card')
})

test('…0341 can be saved, and fails when it is charged', async () => {
  const { stripe } = await start()
  const customer = await customerWithCard(stripe, 'pm_card_chargeCustomerFail')
  const subscription = await stripe.subscriptions.create({
    customer: customer.id,
    items: [{ price: 'price_basic_monthly' }],
    expand: ['latest_invoice'],
  })
  expect(subscription).toMatchObject({
    status: 'incomplete',
    latest_invoice: { status: 'open', attempt_count: 1 },
  })
  const types = await eventTypes(stripe)
  expect(types).toEqual(
    expect.arrayContaining(['charge.failed', 'payment_intent.payment_failed', 'invoice.payment_failed']),
  )
})

test('wrong and real card numbers, and cards that are over, are refused', async () => {
  const { stripe } = await start()
  const refuse = async (params: Stripe.PaymentMethodCreateParams) =>
    (await refusal(stripe.paymentMethods.create(params))).code
  expect(await refuse(cardOf('4242424242424241'))).toBe('incorrect_number')
  expect(await refuse(cardOf('4111111111111111'))).toBe('card_declined')
  const past = { number: '4242424242424242', exp_month: 10, exp_year: 2026 }
  expect(await refuse({ type: 'card', card: past })).toBe('invalid_expiry_year')
})

test('a payment method belongs to one customer, and can be detached', async () => {
  const { stripe } = await start()
  const [first, second] = [await customerWithCard(stripe), await stripe.customers.create({})]
  const id = first.invoice_settings.default_payment_method as string
  expect((await refusal(stripe.paymentMethods.attach(id, { customer: second.id }))).statusCode).toBe(400)
  const declined = stripe.paymentMethods.attach('pm_card_chargeDeclined', { customer: second.id })
  expect((await refusal(declined)).code).toBe('card_declined')
  await stripe.paymentMethods.update(id, { metadata: { a: 'b' } })
  expect((await stripe.paymentMethods.detach(id)).customer).toBeNull()
  const after = (await stripe.customers.retrieve(first.id)) as Stripe.Customer
  expect(after.invoice_settings.default_payment_method).toBeNull()
})

test('payment intents: paid, declined, captured, canceled', async () => {
  const { stripe } = await start()
  const params = {
    amount: 2000,
    currency: 'usd',
    confirm: true,
    ...noRedirects,
  }
  const paid = await stripe.paymentIntents.create({
    ...params,
    payment_method: 'pm_card_visa',
    expand: ['latest_charge'],
  })
  expect(paid).toMatchObject({ status: 'succeeded', amount_received: 2000, latest_charge: { paid: true } })
  const declined = await refusal(
    stripe.paymentIntents.create({ ...params, payment_method: 'pm_card_chargeDeclined' }),
  )
  expect(declined.payment_intent).toMatchObject({ status: 'requires_payment_method' })
  const held = await stripe.paymentIntents.create({
    ...params,
    payment_method: 'pm_card_visa',
    capture_method: 'manual',
  })
  expect(held.status).toBe('requires_capture')
  expect((await stripe.paymentIntents.capture(held.id)).status).toBe('succeeded')
  const open = await stripe.paymentIntents.create({ amount: 50, currency: 'usd' })
  expect((await stripe.paymentIntents.cancel(open.id)).status).toBe('canceled')
})

test('a return URL must be one that a browser can go back to', async () => {
  const { stripe } = await start()
  const { id } = await stripe.setupIntents.create()
  const params = { payment_method: 'pm_card_visa', return_url: 'javascript:alert(1)' }
  expect(await refusal(stripe.setupIntents.confirm(id, params))).toMatchObject({
    statusCode: 400,
    param: 'return_url',
  })
})
