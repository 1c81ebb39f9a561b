import type Stripe from 'stripe'
import { describe, expect, test } from 'vitest'
import { customerWithCard, eventTypes, refusal, start } from './start.ts'

/** An invoice of 20.00 and 30.00, 10 % off, which makes 45.00; open, or paid by card. */
async function invoiced({ paid }: { paid: boolean }) {
  const { stripe } = await start()
  const { id: customer } = await customerWithCard(stripe)
  const coupon = await stripe.coupons.create({ percent_off: 10, duration: 'once' })
  for (const amount of [2000, 3000]) await stripe.invoiceItems.create({ customer, amount, currency: 'usd' })
  const draft = await stripe.invoices.create({
    customer,
    pending_invoice_items_behavior: 'include',
    discounts: [{ coupon: coupon.id }],
  })
  const open = await stripe.invoices.finalizeInvoice(draft.id)
  const invoice = paid ? await stripe.invoices.pay(open.id) : open
  return { stripe, customer, invoice, lines: invoice.lines.data }
}

const intentOf = async (stripe: Stripe, invoice: string) => {
  const [payment] = (await stripe.invoicePayments.list({ invoice })).data
  return await stripe.paymentIntents.retrieve(String(payment?.payment.payment_intent))
}

describe('of an open invoice', () => {
  test('a credit note takes from what is due, and its payment asks for that much less', async () => {
    const { stripe, invoice } = await invoiced({ paid: false })
    const note = await stripe.creditNotes.create({
      invoice: invoice.id,
      lines: [{ type: 'custom_line_item', description: 'Sorry', unit_amount: 500, quantity: 2 }],
      reason: 'product_unsatisfactory',
      memo: 'For the wait',
    })
    expect(note).toMatchObject({
      type: 'pre_payment',
      status: 'issued',
      total: 1000,
      pre_payment_amount: 1000,
      post_payment_amount: 0,
      number: `${invoice.number}-CN-01`,
      memo: 'For the wait',
    })
    expect(await stripe.invoices.retrieve(invoice.id)).toMatchObject({
      status: 'open',
      total: 4500,
      amount_due: 3500,
      amount_remaining: 3500,
      pre_payment_credit_notes_amount: 1000,
    })
    expect((await intentOf(stripe, invoice.id)).amount).toBe(3500)
    expect(await stripe.invoices.pay(invoice.id)).toMatchObject({ status: 'paid', amount_paid: 3500 })
    expect(await eventTypes(stripe)).toEqual(
      expect.arrayContaining(['credit_note.created', 'invoice.updated']),
    )
  })

  test('one over all that is left pays it, and nobody is charged', async () => {
    const { stripe, invoice } = await invoiced({ paid: false })
    await stripe.creditNotes.create({ invoice: invoice.id, amount: 4500 })
    expect(await stripe.invoices.retrieve(invoice.id)).toMatchObject({
      status: 'paid',
      amount_paid: 0,
      amount_remaining: 0,
    })
    expect((await intentOf(stripe, invoice.id)).status).toBe('canceled')
    expect((await stripe.charges.list()).data).toEqual([])
  })

  test('a void one asks for all again, and is not voided twice', async () => {
    const { stripe, invoice } = await invoiced({ paid: false })
    const { id } = await stripe.creditNotes.create({ invoice: invoice.id, amount: 1000 })
    const voided = await stripe.creditNotes.voidCreditNote(id)
    expect(voided).toMatchObject({ status: 'void', voided_at: expect.any(Number) })
    expect(await stripe.invoices.retrieve(invoice.id)).toMatchObject({
      amount_remaining: 4500,
      pre_payment_credit_notes_amount: 0,
    })
    expect((await intentOf(stripe, invoice.id)).amount).toBe(4500)
    expect((await refusal(stripe.creditNotes.voidCreditNote(id))).statusCode).toBe(400)
    expect(await eventTypes(stripe)).toContain('credit_note.voided')
  })
})

describe('of a paid invoice', () => {
  test('a credit note refunds the card, and gives credit for the next invoice', async () => {
    const { stripe, customer, invoice, lines } = await invoiced({ paid: true })
    const whole = lines.find(({ amount }) => amount === 3000)
    const note = await stripe.creditNotes.create({
      invoice: invoice.id,
      lines: [{ type: 'invoice_line_item', invoice_line_item: whole?.id ?? '', quantity: 1 }],
      refund_amount: 1700,
      credit_amount: 700,
      out_of_band_amount: 300,
      expand: ['refunds.refund', 'customer_balance_transaction'],
    })
    expect(note).toMatchObject({
      type: 'post_payment',
      subtotal: 3000,
      discount_amount: 300,
      total: 2700,
      post_payment_amount: 2700,
      out_of_band_amount: 300,
      refunds: [{ amount_refunded: 1700, type: 'refund', refund: { amount: 1700, status: 'succeeded' } }],
      customer_balance_transaction: { type: 'credit_note', amount: -700, ending_balance: -700 },
    })
    expect(await stripe.customers.retrieve(customer)).toMatchObject({ balance: -700 })
    expect(await stripe.invoices.retrieve(invoice.id)).toMatchObject({
      status: 'paid',
      post_payment_credit_notes_amount: 2700,
      amount_paid: 4500,
    })
    const [charge] = (await stripe.charges.list({ customer })).data
    expect(charge).toMatchObject({ amount_refunded: 1700, refunded: false })
    const { data } = await stripe.customers.listBalanceTransactions(customer)
    expect(data).toMatchObject([{ credit_note: note.id, invoice: invoice.id }])
    expect((await refusal(stripe.creditNotes.voidCreditNote(note.id))).statusCode).toBe(400)
  })
})

test.each([
  ['more than is left of an open one', false, { amount: 4501 }],
  ['nothing', false, { amount: 0 }],
  ['neither lines nor an amount', false, {}],
  ['a refund of what was not paid', false, { amount: 1000, refund_amount: 1000 }],
  ['a part of a paid one that goes nowhere', true, { amount: 1000, credit_amount: 999 }],
  ['more than was paid', true, { amount: 4501, credit_amount: 4501 }],
  ['a line of another invoice', false, { lines: [{ type: 'invoice_line_item', invoice_line_item: 'il_1' }] }],
] as const)('a credit note of %s is refused, and changes nothing', async (_name, paid, params) => {
  const { stripe, customer, invoice } = await invoiced({ paid })
  const wanted = JSON.parse(JSON.stringify(params))
  const create = stripe.creditNotes.create({ invoice: invoice.id, ...wanted })
  expect((await refusal(create)).statusCode).toBe(400)
  expect((await stripe.creditNotes.list({ invoice: invoice.id })).data).toEqual([])
  expect(await stripe.invoices.retrieve(invoice.id)).toMatchObject({
    amount_remaining: invoice.amount_remaining,
    post_payment_credit_notes_amount: 0,
  })
  expect(await stripe.customers.retrieve(customer)).toMatchObject({ balance: 0 })
  expect((await stripe.refunds.list()).data).toEqual([])
})

test('a draft has no credit note, a line is credited once, and a preview changes nothing', async () => {
  const { stripe, customer, invoice, lines } = await invoiced({ paid: false })
  const draft = await stripe.invoices.create({ customer })
  expect((await refusal(stripe.creditNotes.create({ invoice: draft.id, amount: 100 }))).statusCode).toBe(400)
  const params = {
    invoice: invoice.id,
    lines: [{ type: 'invoice_line_item' as const, invoice_line_item: lines[0]?.id ?? '', quantity: 1 }],
  }
  const preview = await stripe.creditNotes.preview(params)
  expect((await stripe.creditNotes.listPreviewLineItems(params)).data).toHaveLength(1)
  expect((await stripe.invoices.retrieve(invoice.id)).amount_remaining).toBe(4500)
  const note = await stripe.creditNotes.create(params)
  expect(note.total).toBe(preview.total)
  expect((await refusal(stripe.creditNotes.create(params))).statusCode).toBe(400)
  expect((await stripe.creditNotes.listLineItems(note.id)).data).toEqual(note.lines.data)
  await stripe.creditNotes.update(note.id, { memo: 'Seen', metadata: { a: 'b' } })
  expect(await stripe.creditNotes.retrieve(note.id)).toMatchObject({ memo: 'Seen', metadata: { a: 'b' } })
  expect((await stripe.creditNotes.list({ customer })).data.map(({ id }) => id)).toEqual([note.id])
})

test('a balance is moved by hand, and each move is kept', async () => {
  const { stripe } = await start()
  const { id } = await stripe.customers.create({})
  const made = await stripe.customers.createBalanceTransaction(id, {
    amount: -500,
    currency: 'usd',
    description: 'A gift',
  })
  expect(made).toMatchObject({ type: 'adjustment', ending_balance: -500, description: 'A gift' })
  await stripe.customers.createBalanceTransaction(id, { amount: 200, currency: 'usd' })
  expect(await stripe.customers.retrieve(id)).toMatchObject({ balance: -300 })
  await stripe.customers.updateBalanceTransaction(id, made.id, { metadata: { why: 'birthday' } })
  expect(await stripe.customers.retrieveBalanceTransaction(id, made.id)).toMatchObject({
    metadata: { why: 'birthday' },
  })
  const { data } = await stripe.customers.listBalanceTransactions(id)
  expect(data.map(({ amount }) => amount)).toEqual([200, -500])
  const other = await stripe.customers.create({})
  const elsewhere = stripe.customers.retrieveBalanceTransaction(other.id, made.id)
  expect((await refusal(elsewhere)).statusCode).toBe(404)
})
