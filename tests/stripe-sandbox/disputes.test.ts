import { describe, expect, test } from 'vitest'
import { customerWithCard, eventTypes, refusal, start } from './start.ts'

const params = {
  amount: 2000,
  currency: 'usd',
  confirm: true,
  automatic_payment_methods: { enabled: true, allow_redirects: 'never' as const },
}

async function disputed(card = 'pm_card_createDispute') {
  const { stripe } = await start()
  const { id, latest_charge } = await stripe.paymentIntents.create({ ...params, payment_method: card })
  const [dispute] = (await stripe.disputes.list({ payment_intent: id })).data
  if (dispute === undefined) throw new Error('no dispute')
  const told = async () => (await eventTypes(stripe)).filter((type) => type.startsWith('charge.dispute.'))
  return { stripe, dispute, charge: String(latest_charge), intent: id, told }
}

describe('a dispute', () => {
  test('comes with each charge of its card, which is paid all the same, and takes the money', async () => {
    const { stripe, dispute, charge, intent, told } = await disputed()
    expect(await stripe.paymentIntents.retrieve(intent)).toMatchObject({ status: 'succeeded' })
    expect(await stripe.charges.retrieve(charge)).toMatchObject({ paid: true, disputed: true })
    expect(dispute).toMatchObject({ amount: 2000, charge, status: 'needs_response', reason: 'fraudulent' })
    expect(await told()).toEqual(['charge.dispute.created', 'charge.dispute.funds_withdrawn'])
    const expanded = await stripe.disputes.retrieve(dispute.id, { expand: ['charge'] })
    expect(expanded.charge).toMatchObject({ id: charge })
    expect(await refusal(stripe.refunds.create({ charge }))).toMatchObject({ code: 'charge_disputed' })
  })

  test.for([
    ['winning_evidence', 'won', ['updated', 'closed', 'funds_reinstated']],
    ['losing_evidence', 'lost', ['updated', 'closed']],
    ['a receipt', 'under_review', ['updated']],
  ] as const)('is decided by its evidence: %s', async ([uncategorized_text, status, events]) => {
    const { stripe, dispute, charge, told } = await disputed()
    const kept = await stripe.disputes.update(dispute.id, {
      evidence: { uncategorized_text, customer_name: 'Ada' },
      submit: false,
    })
    expect(kept).toMatchObject({ status: 'needs_response', evidence_details: { submission_count: 0 } })
    const after = await stripe.disputes.update(dispute.id, { evidence: { uncategorized_text } })
    expect(after).toMatchObject({ status, evidence: { customer_name: 'Ada', uncategorized_text } })
    expect((await told()).slice(3)).toEqual(events.map((name) => `charge.dispute.${name}`))
    if (status === 'won') expect((await stripe.refunds.create({ charge })).status).toBe('succeeded')
    if (status !== 'under_review')
      expect(await refusal(stripe.disputes.close(dispute.id))).toMatchObject({ statusCode: 400 })
  })

  test('is lost when the seller gives in', async () => {
    const { stripe, dispute, told } = await disputed('pm_card_createDisputeProductNotReceived')
    expect(dispute.reason).toBe('product_not_received')
    expect((await stripe.disputes.close(dispute.id)).status).toBe('lost')
    expect((await told()).at(-1)).toBe('charge.dispute.closed')
    expect((await stripe.disputes.retrieve(dispute.id)).status).toBe('lost')
  })

  test('that only asks takes no money, and may be refunded', async () => {
    const { stripe, dispute, charge, told } = await disputed('pm_card_createDisputeInquiry')
    expect(dispute.status).toBe('warning_needs_response')
    expect(await told()).toEqual(['charge.dispute.created'])
    expect((await stripe.refunds.create({ charge })).amount).toBe(2000)
    expect((await stripe.disputes.close(dispute.id)).status).toBe('warning_closed')
  })

  test('of an invoice is found by its payment', async () => {
    const { stripe } = await start()
    const { id: customer } = await customerWithCard(stripe, 'pm_card_createDispute')
    const { id: invoice = '' } = await stripe.invoices.create({ customer, currency: 'usd' })
    await stripe.invoiceItems.create({ customer, invoice, amount: 900, currency: 'usd' })
    expect((await stripe.invoices.pay(invoice)).status).toBe('paid')
    const [dispute] = (await stripe.disputes.list()).data
    const payment = { type: 'payment_intent' as const, payment_intent: String(dispute?.payment_intent) }
    const found = await stripe.invoicePayments.list({
      payment,
      expand: ['data.invoice', 'data.payment.payment_intent.latest_charge'],
    })
    expect(found.data).toMatchObject([
      { invoice: { id: invoice }, payment: { payment_intent: { latest_charge: { disputed: true } } } },
    ])
    const none = { ...payment, payment_intent: 'pi_other' }
    expect((await stripe.invoicePayments.list({ payment: none })).data).toEqual([])
  })
})
