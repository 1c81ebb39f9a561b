import type Stripe from 'stripe'
import { describe, expect, test } from 'vitest'
import type { CallParams } from '../../src/stripe/call.ts'
import type { CallName } from '../../src/stripe/calls.ts'
import type { StripeFailure } from '../../src/stripe/failure.ts'
import { stripeGateway } from '../../src/stripe/gateway.ts'
import { customerWithCard, refusal, start } from '../stripe-sandbox/start.ts'

const marked = (key: string) => ({ stepledger_key: key })

async function world(card?: string) {
  const { stripe } = await start()
  const { call, find } = stripeGateway(stripe)
  const customer = await customerWithCard(stripe, card)
  let calls = 0
  /** Each under a key of its own, as a later attempt whose key is forgotten. */
  const make = async (name: CallName, params: CallParams, targetId = '') => {
    calls += 1
    return (await call(name, { params, targetId, key: `key ${calls}` })).observation
  }
  const own = async (amount: number, more: Stripe.InvoiceCreateParams = {}) => {
    const invoice = { customer: customer.id, currency: 'usd', metadata: marked('own'), ...more }
    const { objectId } = await make('create_invoice', invoice)
    const item = { customer: customer.id, invoice: objectId, amount, currency: 'usd', discountable: false }
    await make('create_invoice_item', { ...item, metadata: marked('line') })
    return objectId
  }
  return { stripe, customer, find, make, own }
}

const refused = (call: Promise<unknown>): Promise<StripeFailure> =>
  call.then(
    () => expect.fail('it was not refused'),
    (error) => error,
  )

describe('an invoice of our own', () => {
  test('takes its items alone, stays a draft, is made final, is paid, and each once more is no refusal', async () => {
    const { stripe, customer, make, own } = await world()
    await stripe.invoiceItems.create({ customer: customer.id, amount: 700, currency: 'usd' })
    const id = await own(2_000)
    expect(await stripe.invoices.retrieve(id)).toMatchObject({
      status: 'draft',
      auto_advance: false,
      automatically_finalizes_at: null,
      total: 2_000,
    })
    for (const _ of [1, 2])
      expect((await make('finalize_invoice', {}, id)).object).toMatchObject({
        status: 'open',
        auto_advance: false,
        amount_remaining: 2_000,
      })
    for (const _ of [1, 2])
      expect((await make('pay_invoice', {}, id)).object).toMatchObject({ status: 'paid', amount_paid: 2_000 })
    expect((await make('finalize_invoice', {}, id)).object).toMatchObject({ status: 'paid' })
  })

  test('is found by its key, also as what is no draft any more', async () => {
    const { customer, find, make, own } = await world()
    const params = { customer: customer.id }
    expect(await find('create_invoice', { params, key: 'own' })).toBeUndefined()
    const id = await own(2_000)
    expect(await find('create_invoice', { params, key: 'own' })).toMatchObject({ objectId: id })
    await make('finalize_invoice', {}, id)
    expect(await find('create_invoice', { params, key: 'own' })).toMatchObject({ objectId: id })
  })

  test('that the bank declines is refused for good, each time it is asked for, and can be paid later', async () => {
    const { stripe, customer, make, own } = await world('pm_card_chargeCustomerFail')
    const id = await own(2_000)
    await make('finalize_invoice', {}, id)
    for (const _ of [1, 2])
      expect(await refused(make('pay_invoice', {}, id))).toMatchObject({ kind: 'declined', isFinal: true })
    const good = await stripe.paymentMethods.attach('pm_card_visa', { customer: customer.id })
    expect((await make('pay_invoice', { payment_method: good.id }, id)).object).toMatchObject({
      status: 'paid',
    })
  })

  test('is paid by its own payment method before the customer’s', async () => {
    const { stripe, customer, make, own } = await world('pm_card_chargeCustomerFail')
    const good = await stripe.paymentMethods.attach('pm_card_visa', { customer: customer.id })
    const id = await own(2_000, { default_payment_method: good.id })
    await make('finalize_invoice', {}, id)
    expect((await make('pay_invoice', {}, id)).object).toMatchObject({ status: 'paid' })
  })

  test('gets another payment method as long as nothing is settled, and is shown as it is after that', async () => {
    const { stripe, customer, make, own } = await world()
    const other = await stripe.paymentMethods.attach('pm_card_mastercard', { customer: customer.id })
    const id = await own(2_000)
    const params = { default_payment_method: other.id }
    expect((await make('update_invoice', params, id)).object).toMatchObject({ status: 'draft', ...params })
    await make('finalize_invoice', {}, id)
    expect((await make('update_invoice', params, id)).object).toMatchObject({ status: 'open', ...params })
    await make('void_invoice', {}, id)
    expect((await make('update_invoice', params, id)).object).toMatchObject({ status: 'void' })
  })

  test('that is sent is final and waits for its due date', async () => {
    const { make, own } = await world()
    const id = await own(2_000, { collection_method: 'send_invoice', days_until_due: 14 })
    for (const _ of [1, 2]) {
      const { object } = await make('send_invoice', {}, id)
      expect(object).toMatchObject({ status: 'open', attempted: false })
    }
  })

  test('is deleted as a draft with its items, and no more once it is final', async () => {
    const { stripe, customer, make, own } = await world()
    const id = await own(2_000)
    expect(await make('delete_invoice', {}, id)).toMatchObject({ objectId: id, isDeleted: true })
    expect((await stripe.invoiceItems.list({ customer: customer.id })).data).toEqual([])
    expect(await refused(make('delete_invoice', {}, id))).toMatchObject({ kind: 'missing' })
    const final = await own(2_000)
    await make('finalize_invoice', {}, final)
    expect(await refused(make('delete_invoice', {}, final))).toMatchObject({ kind: 'rejected' })
  })

  test('loses an item that is taken off it while it is a draft', async () => {
    const { stripe, make, own } = await world()
    const id = await own(2_000)
    const { data } = await stripe.invoiceItems.list({ invoice: id })
    const item = data[0]?.id ?? ''
    expect(await make('delete_invoice_item', {}, item)).toMatchObject({ objectId: item, isDeleted: true })
    expect(await stripe.invoices.retrieve(id)).toMatchObject({ total: 0, lines: { data: [] } })
    expect(await refused(make('delete_invoice_item', {}, item))).toMatchObject({ kind: 'missing' })
  })

  test('of less than can be charged is paid by being made final, and owed with the next', async () => {
    const { stripe, customer, make, own } = await world()
    const id = await own(30)
    expect((await make('finalize_invoice', {}, id)).object).toMatchObject({ status: 'paid', amount_paid: 0 })
    expect(await stripe.customers.retrieve(customer.id)).toMatchObject({ balance: 30 })
    expect((await make('pay_invoice', {}, id)).object).toMatchObject({ status: 'paid' })
  })
})

describe('a credit note', () => {
  test('of an open invoice asks for less; of a paid one it becomes credit; each is found by its key', async () => {
    const { stripe, customer, find, make, own } = await world()
    const id = await own(2_000)
    await make('finalize_invoice', {}, id)
    const open = await make('create_credit_note', { invoice: id, amount: 500, metadata: marked('open') })
    expect(open.object).toMatchObject({ object: 'credit_note', pre_payment_amount: 500 })
    expect(await stripe.invoices.retrieve(id)).toMatchObject({ amount_remaining: 1_500 })
    await make('pay_invoice', {}, id)
    const params = { invoice: id, amount: 200, credit_amount: 200, metadata: marked('paid') }
    const paid = await make('create_credit_note', params)
    expect(await stripe.customers.retrieve(customer.id)).toMatchObject({ balance: -200 })
    expect(await stripe.invoices.retrieve(id)).toMatchObject({
      pre_payment_credit_notes_amount: 500,
      post_payment_credit_notes_amount: 200,
    })
    for (const [key, note] of [
      ['open', open],
      ['paid', paid],
    ] as const)
      expect(await find('create_credit_note', { params, key })).toMatchObject({ objectId: note.objectId })
    expect(await find('create_credit_note', { params, key: 'another' })).toBeUndefined()
    expect(await refusal(stripe.creditNotes.create({ invoice: id, amount: 1_500 }))).toMatchObject({
      statusCode: 400,
    })
  })
})
