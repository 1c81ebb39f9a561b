import type Stripe from 'stripe'
import { expect, test } from 'vitest'
import { customerWithCard, refusal, start } from './start.ts'
import { invoicesOf, moveTo, priceOf, toldSince } from './time.ts'

async function billed(stripe: Stripe, amount: number, currency = 'usd') {
  const customer = await customerWithCard(stripe)
  await stripe.invoiceItems.create({ customer: customer.id, amount, currency })
  const { id } = await stripe.invoices.create({
    customer: customer.id,
    currency,
    pending_invoice_items_behavior: 'include',
  })
  const invoice = await stripe.invoices.pay(id)
  return { invoice, balance: (await stripe.customers.retrieve(customer.id)) as Stripe.Customer }
}

test.each([
  ['usd', 49, 50],
  ['gbp', 29, 30],
  ['jpy', 49, 50],
  ['huf', 17_499, 17_500],
])(
  'in %s %i is too little to charge: paid, and owed with the next invoice; %i is charged',
  async (currency, less, least) => {
    const { stripe } = await start()
    const little = await billed(stripe, less, currency)
    expect(little.invoice).toMatchObject({ status: 'paid', amount_due: 0, amount_paid: 0, total: less })
    expect(little.invoice).toMatchObject({ starting_balance: 0, ending_balance: less })
    expect(little.balance.balance).toBe(less)
    expect((await billed(stripe, least, currency)).invoice).toMatchObject({
      amount_paid: least,
      ending_balance: 0,
    })
  },
)

test('small renewals add up on the balance until there is enough to charge, as previewed', async () => {
  const running = await start({ clock: () => Date.parse('2027-03-01T00:00:00Z') })
  const { stripe } = running
  const customer = await customerWithCard(stripe)
  const price = await priceOf(stripe, 20, 'month')
  const { id } = await stripe.subscriptions.create({ customer: customer.id, items: [{ price }] })
  await moveTo(running, '2027-04-20T00:00:00Z')
  const preview = await stripe.invoices.createPreview({ subscription: id })
  await moveTo(running, '2027-05-01T01:00:00Z')
  const invoices = await invoicesOf(stripe, id)
  expect(invoices.map(({ amount_paid, ending_balance }) => [amount_paid, ending_balance])).toEqual([
    [0, 20],
    [0, 40],
    [60, 0],
  ])
  expect(preview).toMatchObject({ starting_balance: 40, ending_balance: 0, amount_due: 60, total: 20 })
})

test('a voided invoice gives the credit back that it had taken', async () => {
  const { stripe } = await start()
  const customer = await customerWithCard(stripe)
  await stripe.customers.update(customer.id, { balance: -500 })
  await stripe.invoiceItems.create({ customer: customer.id, amount: 1200, currency: 'usd' })
  const { id } = await stripe.invoices.create({
    customer: customer.id,
    pending_invoice_items_behavior: 'include',
  })
  expect(await stripe.invoices.finalizeInvoice(id)).toMatchObject({ amount_due: 700, starting_balance: -500 })
  await stripe.invoices.voidInvoice(id)
  expect(await stripe.customers.retrieve(customer.id)).toMatchObject({ balance: -500 })
  const { data } = await stripe.customers.listBalanceTransactions(customer.id)
  expect(data.slice(0, 2).map(({ amount, invoice, type }) => [type, amount, invoice])).toEqual([
    ['unapplied_from_invoice', -500, id],
    ['applied_to_invoice', 500, id],
  ])
})

test('more than 999,999.99 is refused: as an item, as an invoice, and by itself it stays a draft that says why', async () => {
  const running = await start({ clock: () => Date.parse('2027-03-01T00:00:00Z') })
  const { stripe } = running
  const customer = await customerWithCard(stripe)
  const item = (amount: number) =>
    stripe.invoiceItems.create({ customer: customer.id, amount, currency: 'usd' })
  expect(await refusal(item(100_000_000))).toMatchObject({ statusCode: 400, code: 'amount_too_large' })
  const { id } = await stripe.subscriptions.create({
    customer: customer.id,
    items: [{ price: 'price_basic_monthly' }],
    trial_period_days: 10,
  })
  await item(99_999_999)
  await moveTo(running, '2027-03-11T01:00:00Z')
  const last = (await invoicesOf(stripe, id)).at(-1)
  expect(last).toMatchObject({ status: 'draft', last_finalization_error: { code: 'amount_too_large' } })
  expect(await toldSince(stripe, '2027-03-11T01:00:00Z')).toEqual([
    '2027-03-11T01:00 invoice.finalization_failed',
  ])
  expect((await refusal(stripe.invoices.finalizeInvoice(last?.id ?? ''))).code).toBe('amount_too_large')
})

test('a renewal above 999,999.99 while invoices are to be voided stays a draft that says why, and the sandbox goes on', async () => {
  const running = await start({ clock: () => Date.parse('2027-03-01T00:00:00Z') })
  const { stripe } = running
  const customer = await customerWithCard(stripe)
  const { id } = await stripe.subscriptions.create({
    customer: customer.id,
    items: [{ price: 'price_basic_monthly' }],
  })
  await stripe.subscriptions.update(id, { pause_collection: { behavior: 'void' } })
  await stripe.invoiceItems.create({ customer: customer.id, amount: 99_999_999, currency: 'usd' })
  await moveTo(running, '2027-05-01T02:00:00Z')
  const [, second, third] = await invoicesOf(stripe, id)
  expect(second).toMatchObject({ status: 'draft', last_finalization_error: { code: 'amount_too_large' } })
  expect(third).toMatchObject({ status: 'void' })
})

test('a balance is in the currency that its customer pays in: another is refused', async () => {
  const { stripe } = await start()
  const customer = await customerWithCard(stripe)
  await stripe.customers.createBalanceTransaction(customer.id, { amount: -300, currency: 'usd' })
  const inEuro = stripe.customers.createBalanceTransaction(customer.id, { amount: -500, currency: 'eur' })
  expect(await refusal(inEuro)).toMatchObject({ statusCode: 400, type: 'StripeInvalidRequestError' })
  expect(await stripe.customers.retrieve(customer.id)).toMatchObject({ balance: -300, currency: 'usd' })
})
