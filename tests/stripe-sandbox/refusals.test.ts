import type Stripe from 'stripe'
import { describe, expect, test } from 'vitest'
import { testCards } from '../../src/stripe-sandbox/payments/cards.ts'
import { authenticate, clientOf, customerWithCard, refusal, start } from './start.ts'

const noRedirects = { automatic_payment_methods: { enabled: true, allow_redirects: 'never' as const } }
const cardOf = (number: string, more: Partial<Stripe.PaymentMethodCreateParams.Card> = {}) =>
  ({ type: 'card', card: { number, exp_month: 12, exp_year: 2034, cvc: '123', ...more } }) as const
const payment = (payment_method: string, more: Partial<Stripe.PaymentIntentCreateParams> = {}) => ({
  amount: 2000,
  currency: 'usd',
  confirm: true,
  payment_method,
  ...noRedirects,
  ...more,
})

describe('a payment method', () => {
  test('that was detached pays, sets up and belongs to nobody again', async () => {
    const { stripe } = await start()
    const customer = await customerWithCard(stripe)
    const id = customer.invoice_settings.default_payment_method as string
    await stripe.paymentMethods.detach(id)
    const spent = { statusCode: 400, code: 'payment_method_unexpected_state' }
    expect(await refusal(stripe.paymentMethods.attach(id, { customer: customer.id }))).toMatchObject(spent)
    expect(await refusal(stripe.paymentIntents.create(payment(id)))).toMatchObject(spent)
    const setup = { confirm: true, payment_method: id, ...noRedirects }
    expect(await refusal(stripe.setupIntents.create(setup))).toMatchObject(spent)
  })

  test('that paid without belonging to a customer pays once', async () => {
    const { stripe } = await start()
    const { id } = await stripe.paymentMethods.create(cardOf('4242424242424242'))
    expect((await stripe.paymentIntents.create(payment(id))).status).toBe('succeeded')
    expect(await refusal(stripe.paymentIntents.create(payment(id)))).toMatchObject({
      code: 'payment_method_unexpected_state',
    })
  })

  test('of a customer pays that customer’s intents alone', async () => {
    const { stripe } = await start()
    const customer = await customerWithCard(stripe)
    const other = await stripe.customers.create({})
    const id = customer.invoice_settings.default_payment_method as string
    for (const payer of [{}, { customer: other.id }]) {
      expect(await refusal(stripe.paymentIntents.create(payment(id, payer)))).toMatchObject({
        statusCode: 400,
        param: 'payment_method',
      })
      const setup = { confirm: true, payment_method: id, ...noRedirects, ...payer }
      expect(await refusal(stripe.setupIntents.create(setup))).toMatchObject({ statusCode: 400 })
    }
    expect(await stripe.paymentIntents.create(payment(id, { customer: customer.id }))).toMatchObject({
      status: 'succeeded',
    })
  })

  test('that belongs to nobody is no default, and pays no subscription and no invoice', async () => {
    const { stripe } = await start()
    const { id: customer } = await stripe.customers.create({})
    const { id } = await stripe.paymentMethods.create(cardOf('4242424242424242'))
    await stripe.invoiceItems.create({ customer, amount: 2000, currency: 'usd' })
    const params = {
      customer,
      pending_invoice_items_behavior: 'include',
      default_payment_method: id,
    } as const
    const unattached = { statusCode: 400, code: 'resource_missing' }
    const items = [{ price: 'price_basic_monthly' }]
    for (const call of [
      stripe.customers.update(customer, { invoice_settings: { default_payment_method: id } }),
      stripe.subscriptions.create({ customer, items, default_payment_method: id }),
      stripe.invoices.create(params),
    ])
      expect(await refusal(call)).toMatchObject(unattached)
    const { default_payment_method: _, ...draft } = params
    const invoice = await stripe.invoices.create(draft)
    await stripe.invoices.finalizeInvoice(invoice.id)
    expect(await refusal(stripe.invoices.pay(invoice.id, { payment_method: id }))).toMatchObject(unattached)
  })
})

describe('a confirmation by a server', () => {
  test('with automatic payment methods wants a URL to come back to, unless nobody is sent away', async () => {
    const { box, stripe } = await start()
    const automatic = { automatic_payment_methods: { enabled: true } }
    const wanted = { statusCode: 400, param: 'return_url' }
    expect(await refusal(stripe.paymentIntents.create(payment('pm_card_visa', automatic)))).toMatchObject(
      wanted,
    )
    const intent = await stripe.setupIntents.create()
    const params = { payment_method: 'pm_card_visa' }
    expect(await refusal(stripe.setupIntents.confirm(intent.id, params))).toMatchObject(wanted)
    expect((await stripe.setupIntents.retrieve(intent.id)).status).toBe('requires_payment_method')
    const browser = clientOf(box, 'pk_test_browser')
    const confirmed = await browser.setupIntents.confirm(intent.id, {
      ...params,
      client_secret: intent.client_secret,
    } as Stripe.SetupIntentConfirmParams)
    expect(confirmed.status).toBe('succeeded')
    const return_url = 'https://example.com/back'
    const paid = await stripe.paymentIntents.create(payment('pm_card_visa', { ...automatic, return_url }))
    expect(paid.status).toBe('succeeded')
  })
})

describe('an amount', () => {
  test.each([
    ['usd', 49, 'amount_too_small', '$0.50'],
    ['gbp', 29, 'amount_too_small', '£0.30'],
    ['jpy', 49, 'amount_too_small', '¥50'],
    ['usd', 100_000_000, 'amount_too_large', '$999,999.99'],
    ['usd', 0, 'parameter_invalid_integer', '1'],
  ])('of %s %d cannot be charged', async (currency, amount, code, bound) => {
    const { stripe } = await start()
    const error = await refusal(stripe.paymentIntents.create({ amount, currency }))
    expect(error).toMatchObject({ statusCode: 400, code, param: 'amount' })
    expect(error.message).toContain(bound)
  })

  test('at either bound can be, and a change over it cannot', async () => {
    const { stripe } = await start()
    for (const amount of [50, 99_999_999])
      expect(await stripe.paymentIntents.create({ amount, currency: 'usd' })).toMatchObject({ amount })
    const { id } = await stripe.paymentIntents.create({ amount: 50, currency: 'usd' })
    expect(await refusal(stripe.paymentIntents.update(id, { amount: 49 }))).toMatchObject({
      code: 'amount_too_small',
    })
  })
})

describe('a test card', () => {
  test.each([
    ['visa with two digits', '4242424242424242', '12'],
    ['visa with four', '4242424242424242', '1234'],
    ['amex with two', '378282246310005', '12'],
  ])('%s has a wrong security code', async (_name, number, cvc) => {
    const { stripe } = await start()
    expect(await refusal(stripe.paymentMethods.create(cardOf(number, { cvc })))).toMatchObject({
      statusCode: 402,
      code: 'invalid_cvc',
    })
  })

  test('has one fingerprint however often it is given, and no other card has it', async () => {
    const { stripe } = await start()
    const made = await Promise.all(
      ['4242424242424242', '4242424242424242', '5555555555554444'].map((number) =>
        stripe.paymentMethods.create(cardOf(number)),
      ),
    )
    const attached = await customerWithCard(stripe)
    const named = await stripe.paymentMethods.retrieve(
      attached.invoice_settings.default_payment_method as string,
    )
    const [first, second, other] = made.map(({ card }) => card?.fingerprint)
    expect(first).toMatch(/^\w{16}$/)
    expect([second, named.card?.fingerprint]).toEqual([first, first])
    expect(other).not.toBe(first)
  })

  test('is a number with a right check digit, and no two have one number or one name', () => {
    const numbers = testCards.map(({ number }) => number)
    expect(new Set(numbers).size).toBe(numbers.length)
    const names = testCards.flatMap((card) => card.names)
    expect(new Set(names).size).toBe(names.length)
    for (const number of numbers) expect(checksum(number) % 10, number).toBe(0)
  })

  test.each(testCards.flatMap(({ names, ...card }) => names.map((name) => [name, card] as const)))(
    '%s is the same by number, by pm_card and by tok',
    async (name, { number, brand, country }) => {
      const { stripe } = await start()
      const seen = await Promise.all([
        stripe.paymentMethods.create(cardOf(number, { cvc: brand === 'amex' ? '1234' : '123' })),
        stripe.paymentMethods.create({ type: 'card', card: { token: `tok_${name}` } }),
      ])
      for (const { card } of seen) expect(card).toMatchObject({ brand, country, last4: number.slice(-4) })
      const outcomes = []
      for (const id of [seen[0].id, seen[1].id, `pm_card_${name}`]) outcomes.push(await outcomeOf(stripe, id))
      expect(new Set(outcomes).size, outcomes.join()).toBe(1)
    },
  )

  test.each([
    ['pm_card_chargeDeclined', 'card_declined', 'generic_decline'],
    ['pm_card_visa_chargeDeclinedInsufficientFunds', 'card_declined', 'insufficient_funds'],
    ['pm_card_visa_chargeDeclinedLostCard', 'card_declined', 'lost_card'],
    ['pm_card_visa_chargeDeclinedStolenCard', 'card_declined', 'stolen_card'],
    ['pm_card_chargeDeclinedExpiredCard', 'expired_card', ''],
    ['pm_card_chargeDeclinedIncorrectCvc', 'incorrect_cvc', ''],
    ['pm_card_chargeDeclinedProcessingError', 'processing_error', ''],
    ['pm_card_visa_chargeDeclinedVelocityLimitExceeded', 'card_declined', 'card_velocity_exceeded'],
    ['pm_card_radarBlock', 'card_declined', 'fraudulent'],
    ['pm_card_chargeCustomerFail', 'card_declined', 'generic_decline'],
  ])('%s is declined: %s, %s', async (name, code, decline_code) => {
    const { stripe } = await start()
    const error = await refusal(stripe.paymentIntents.create(payment(name)))
    expect(error).toMatchObject({ statusCode: 402, code })
    expect(error.decline_code).toBe(decline_code)
    expect(error.payment_intent?.status).toBe('requires_payment_method')
  })

  test.each([
    ['pm_card_authenticationRequired', 'succeeded'],
    ['pm_card_threeDSecure2Required', 'succeeded'],
    ['pm_card_threeDSecureRequiredChargeDeclined', 'generic_decline'],
    ['pm_card_authenticationRequiredChargeDeclinedInsufficientFunds', 'insufficient_funds'],
  ])('%s wants its owner, and then: %s', async (name, outcome) => {
    const { box, stripe } = await start()
    const intent = await stripe.paymentIntents.create(payment(name))
    expect(intent.status).toBe('requires_action')
    expect(await authenticate(box, intent.id, 'succeed')).toBe(200)
    const { status, last_payment_error } = await stripe.paymentIntents.retrieve(intent.id)
    expect(last_payment_error?.decline_code ?? status).toBe(outcome)
  })

  test('that is set up for off-session use wants its owner on session alone', async () => {
    const { stripe } = await start()
    const name = 'pm_card_authenticationRequiredSetupForOffSession'
    expect((await stripe.paymentIntents.create(payment(name))).status).toBe('requires_action')
    const away = payment(name, { off_session: true })
    expect((await stripe.paymentIntents.create(away)).status).toBe('succeeded')
  })

  test('whose security code is wrong for the bank says so, and pays', async () => {
    const { stripe } = await start()
    const method = await stripe.paymentMethods.create(cardOf('4000000000000101'))
    expect(method.card?.checks?.cvc_check).toBe('fail')
    expect((await stripe.paymentIntents.create(payment(method.id))).status).toBe('succeeded')
  })
})

test('an invoice that is paid or void is not paid', async () => {
  const { stripe } = await start()
  const { id: customer } = await customerWithCard(stripe)
  const invoice = async () => {
    await stripe.invoiceItems.create({ customer, amount: 2000, currency: 'usd' })
    const { id } = await stripe.invoices.create({ customer, pending_invoice_items_behavior: 'include' })
    await stripe.invoices.finalizeInvoice(id)
    return id
  }
  const [paid, voided] = [await invoice(), await invoice()]
  await stripe.invoices.pay(paid)
  await stripe.invoices.voidInvoice(voided)
  for (const id of [paid, voided])
    expect(await refusal(stripe.invoices.pay(id))).toMatchObject({ statusCode: 400 })
  const charges = await stripe.charges.list({ customer })
  expect(charges.data).toHaveLength(1)
})

async function outcomeOf(stripe: Stripe, id: string): Promise<string> {
  const outcome = await stripe.paymentIntents.create(payment(id)).then(
    ({ status }) => status,
    ({ code, decline_code }: Stripe.errors.StripeCardError) => `${code} ${decline_code}`,
  )
  return outcome
}

const checksum = (number: string) =>
  [...number].reverse().reduce((sum, digit, at) => {
    const value = Number(digit) * (at % 2 === 0 ? 1 : 2)
    return sum + (value > 9 ? value - 9 : value)
  }, 0)
