import { describe, expect, test } from 'vitest'
import { eventTypes, refusal, start } from './start.ts'

const params = {
  amount: 2000,
  currency: 'usd',
  confirm: true,
  payment_method: 'pm_card_visa',
  automatic_payment_methods: { enabled: true, allow_redirects: 'never' as const },
}

async function paid() {
  const { stripe } = await start()
  const { id: intent, latest_charge } = await stripe.paymentIntents.create(params)
  return { stripe, intent, charge: String(latest_charge) }
}

describe('a refund', () => {
  test('gives all back by the payment intent, and the charge says so', async () => {
    const { stripe, intent, charge } = await paid()
    const refund = await stripe.refunds.create({ payment_intent: intent, metadata: { why: 'a gift' } })
    expect(refund).toMatchObject({
      amount: 2000,
      charge,
      payment_intent: intent,
      status: 'succeeded',
      reason: null,
      metadata: { why: 'a gift' },
    })
    const after = await stripe.charges.retrieve(charge, { expand: ['refunds'] })
    expect(after).toMatchObject({ amount_refunded: 2000, refunded: true })
    expect(after.refunds?.data.map(({ id }) => id)).toEqual([refund.id])
    expect((await eventTypes(stripe)).slice(-2)).toEqual(['refund.created', 'charge.refunded'])
    const [told] = (await stripe.events.list({ type: 'charge.refunded' })).data
    expect(told?.data.previous_attributes).toEqual({ amount_refunded: 0, refunded: false })
  })

  test('gives parts back by the charge, until nothing is left', async () => {
    const { stripe, charge } = await paid()
    await stripe.refunds.create({ charge, amount: 500, reason: 'requested_by_customer' })
    expect(await stripe.charges.retrieve(charge)).toMatchObject({ amount_refunded: 500, refunded: false })
    const error = await refusal(stripe.refunds.create({ charge, amount: 1501 }))
    expect(error).toMatchObject({ statusCode: 400, param: 'amount' })
    expect(error.message).toContain('($15.01)')
    expect(error.message).toContain('($15.00)')
    expect((await stripe.refunds.create({ charge })).amount).toBe(1500)
    expect(await refusal(stripe.refunds.create({ charge, amount: 1 }))).toMatchObject({
      code: 'charge_already_refunded',
    })
    const { data } = await stripe.refunds.list({ charge })
    expect(data.map(({ amount }) => amount)).toEqual([1500, 500])
  })

  test('is listed, read and told of when its metadata changes', async () => {
    const { stripe, intent } = await paid()
    const { id } = await stripe.refunds.create({ payment_intent: intent, amount: 100 })
    await stripe.refunds.update(id, { metadata: { ticket: '7' } })
    expect((await stripe.refunds.retrieve(id)).metadata).toEqual({ ticket: '7' })
    expect((await stripe.refunds.list({ payment_intent: intent })).data).toHaveLength(1)
    expect((await stripe.refunds.list({ payment_intent: 'pi_other' })).data).toEqual([])
    expect((await eventTypes(stripe)).slice(-2)).toEqual(['refund.updated', 'charge.refund.updated'])
  })

  test('is refused where nothing was charged, and is not canceled', async () => {
    const { stripe, intent, charge } = await paid()
    const held = await stripe.paymentIntents.create({ ...params, capture_method: 'manual' })
    const declined = { ...params, payment_method: 'pm_card_chargeDeclined' }
    const failed = (await refusal(stripe.paymentIntents.create(declined))).payment_intent
    for (const refused of [
      {},
      { payment_intent: intent, charge },
      { payment_intent: 'pi_nothing' },
      { payment_intent: held.id },
      { charge: String(held.latest_charge) },
      { payment_intent: failed?.id ?? '' },
      { charge: String(failed?.latest_charge) },
      { charge, amount: 0 },
    ])
      expect(await refusal(stripe.refunds.create(refused)), JSON.stringify(refused)).toMatchObject({
        statusCode: 400,
      })
    const { id } = await stripe.refunds.create({ charge })
    expect(await refusal(stripe.refunds.cancel(id))).toMatchObject({ statusCode: 400 })
  })
})
