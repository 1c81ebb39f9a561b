import { expect, test } from 'vitest'
import { customerWithCard, eventTypes, refusal, start } from './start.ts'

test('an invoice of its own: drafted with what is pending, finalized, paid', async () => {
  const { stripe } = await start()
  const customer = await customerWithCard(stripe)
  await stripe.invoiceItems.create({
    customer: customer.id,
    amount: 1200,
    currency: 'usd',
    description: 'Cases',
  })
  const draft = await stripe.invoices.create({
    customer: customer.id,
    pending_invoice_items_behavior: 'include',
  })
  expect(draft).toMatchObject({ status: 'draft', total: 1200, number: null, parent: null })
  await stripe.invoiceItems.create({ customer: customer.id, invoice: draft.id, amount: 300, currency: 'usd' })
  expect((await stripe.invoices.retrieve(draft.id)).total).toBe(1500)
  const open = await stripe.invoices.finalizeInvoice(draft.id)
  expect(open).toMatchObject({
    status: 'open',
    amount_due: 1500,
    number: expect.stringMatching(/-0001$/) as string,
  })
  const late = stripe.invoiceItems.create({
    customer: customer.id,
    invoice: draft.id,
    amount: 1,
    currency: 'usd',
  })
  expect((await refusal(late)).code).toBe('invoice_not_editable')
  const paid = await stripe.invoices.pay(draft.id)
  expect(paid).toMatchObject({ status: 'paid', amount_paid: 1500, amount_remaining: 0 })
  const lines = await stripe.invoices.listLineItems(draft.id, { limit: 1 })
  expect([lines.data[0]?.description, lines.has_more]).toEqual(['Cases', true])
  expect((await stripe.invoices.list({ customer: customer.id, status: 'paid' })).data).toHaveLength(1)
})

test('a declined payment is told of, keeps the invoice open, and can be made good', async () => {
  const { stripe } = await start()
  const customer = await customerWithCard(stripe, 'pm_card_chargeCustomerFail')
  await stripe.invoiceItems.create({ customer: customer.id, amount: 1200, currency: 'usd' })
  const { id } = await stripe.invoices.create({
    customer: customer.id,
    pending_invoice_items_behavior: 'include',
  })
  expect(await refusal(stripe.invoices.pay(id))).toMatchObject({ statusCode: 402, code: 'card_declined' })
  expect(await stripe.invoices.retrieve(id)).toMatchObject({
    status: 'open',
    attempted: true,
    attempt_count: 1,
  })
  expect(await eventTypes(stripe)).toContain('invoice.payment_failed')
  const good = await stripe.paymentMethods.attach('pm_card_visa', { customer: customer.id })
  expect((await stripe.invoices.pay(id, { payment_method: good.id })).status).toBe('paid')
})

test('a card that wants authentication answers so, and waits', async () => {
  const { stripe } = await start()
  const customer = await customerWithCard(stripe, 'pm_card_threeDSecure2Required')
  await stripe.invoiceItems.create({ customer: customer.id, amount: 1200, currency: 'usd' })
  const { id } = await stripe.invoices.create({
    customer: customer.id,
    pending_invoice_items_behavior: 'include',
  })
  expect((await refusal(stripe.invoices.pay(id))).code).toBe('invoice_payment_intent_requires_action')
  expect(await eventTypes(stripe)).toContain('invoice.payment_action_required')
})

test('invoices are voided, written off, deleted, each only from where that can be', async () => {
  const { stripe } = await start()
  const customer = await customerWithCard(stripe)
  const open = async () => {
    await stripe.invoiceItems.create({ customer: customer.id, amount: 1200, currency: 'usd' })
    const { id } = await stripe.invoices.create({
      customer: customer.id,
      pending_invoice_items_behavior: 'include',
    })
    return (await stripe.invoices.finalizeInvoice(id)).id
  }
  const [first, second] = [await open(), await open()]
  expect((await stripe.invoices.voidInvoice(first)).status).toBe('void')
  expect((await refusal(stripe.invoices.pay(first))).statusCode).toBe(400)
  expect((await stripe.invoices.markUncollectible(second)).status).toBe('uncollectible')
  expect((await refusal(stripe.invoices.del(second))).code).toBe('invoice_not_editable')
  const draft = await stripe.invoices.create({ customer: customer.id })
  expect(await stripe.invoices.del(draft.id)).toMatchObject({ deleted: true })
  expect((await refusal(stripe.invoices.retrieve(draft.id))).statusCode).toBe(404)
  expect(await eventTypes(stripe)).toEqual(
    expect.arrayContaining([
      'invoice.voided',
      'invoice.marked_uncollectible',
      'invoice.deleted',
      'payment_intent.canceled',
    ]),
  )
})

test('a draft that advances by itself is finalized and collected an hour later', async () => {
  const { stripe, clock } = await start()
  const customer = await customerWithCard(stripe)
  await stripe.invoiceItems.create({ customer: customer.id, amount: 1200, currency: 'usd' })
  const params = {
    customer: customer.id,
    pending_invoice_items_behavior: 'include',
    auto_advance: true,
  } as const
  const draft = await stripe.invoices.create(params)
  expect(draft.automatically_finalizes_at).toBe(draft.created + 3600)
  clock.nowMs += 3600_000
  expect((await stripe.invoices.retrieve(draft.id)).status).toBe('paid')
})

test('more credits than charges become the balance of the customer, which pays the next invoice first', async () => {
  const { stripe } = await start()
  const customer = await customerWithCard(stripe)
  const bill = async (amount: number) => {
    await stripe.invoiceItems.create({ customer: customer.id, amount, currency: 'usd' })
    const { id } = await stripe.invoices.create({
      customer: customer.id,
      pending_invoice_items_behavior: 'include',
    })
    return stripe.invoices.pay(id)
  }
  expect(await bill(-500)).toMatchObject({ status: 'paid', amount_due: 0, ending_balance: -500 })
  expect(await bill(1200)).toMatchObject({ status: 'paid', amount_paid: 700, ending_balance: 0 })
})

test('while collection is paused, a new invoice is void, written off, or kept as a draft', async () => {
  const { stripe } = await start()
  const outcomes = { void: 'void', mark_uncollectible: 'uncollectible', keep_as_draft: 'draft' } as const
  for (const [behavior, status] of Object.entries(outcomes)) {
    const customer = await customerWithCard(stripe)
    const monthly = await stripe.subscriptions.create({
      customer: customer.id,
      items: [{ price: 'price_basic_monthly' }],
    })
    const { id = '' } = monthly.items.data[0] ?? {}
    const yearly = await stripe.subscriptions.update(monthly.id, {
      pause_collection: { behavior: behavior as keyof typeof outcomes },
      items: [{ id, price: 'price_basic_yearly' }],
      expand: ['latest_invoice'],
    })
    expect(yearly.latest_invoice).toMatchObject({ status })
  }
})
