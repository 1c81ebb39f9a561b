import { afterEach, beforeEach, expect, test } from 'vitest'
import { type Months, openMonths } from '../support/months.ts'
import { carryOutDue, requestsTo, returnUrl, settled } from '../support/wizard.ts'

/** Which card an invoice of our own is paid with: that of its subscription, whenever an attempt is made. */

const declines = 'pm_card_chargeCustomerFail'
let tenant: Months
let subscription: string
beforeEach(async () => {
  tenant = await openMonths()
})
afterEach(() => tenant.close())

const newCard = async (name: string) =>
  (await tenant.stripe.paymentMethods.attach(name, { customer: tenant.customerId })).id
/** At Stripe, as in its portal. */
const putOnSubscription = async (name: string) => {
  const id = await newCard(name)
  await tenant.stripe.subscriptions.update(subscription, { default_payment_method: id })
  await settled(tenant.service)
  return id
}
const subscribesWith = async (name: string) => {
  subscription = await tenant.subscribes('price_basic_yearly', {
    payment_method_id: await newCard('pm_card_visa'),
  })
  return putOnSubscription(name)
}
/** In the browser, for this service. */
async function replaces(name: string): Promise<string> {
  const body = { tenant_id: tenant.tenantId, return_url: returnUrl }
  const { setup_intent_id } = await tenant.ask('POST', '/billing/payment-methods/setup', body)
  const how = { payment_method: name, return_url: returnUrl }
  const { payment_method } = await tenant.stripe.setupIntents.confirm(setup_intent_id, how)
  await settled(tenant.service)
  await carryOutDue(tenant.service)
  await settled(tenant.service)
  return String(payment_method)
}
const last = async () => {
  const { data } = await tenant.stripe.invoices.list({ customer: tenant.customerId, limit: 1 })
  return { id: data[0]?.id ?? '', status: data[0]?.status }
}
/** Each attempt at the first invoice of our own: day and minute, how it went, with what. */
const attempts = async () => {
  const { data } = await tenant.stripe.charges.list({ customer: tenant.customerId, limit: 100 })
  const own = data.filter(({ created }) => created >= Date.parse('2026-02-01T00:00Z') / 1000)
  return own
    .reverse()
    .map(({ created, status, payment_method }) => [
      new Date(created * 1000).toISOString().slice(5, 16),
      status,
      payment_method,
    ])
}

test('collected by hand it is paid with the card of its subscription, and once that is detached with the customer’s', async () => {
  await subscribesWith(declines)
  await tenant.pays(declines)
  await tenant.to('2026-02-01T02:00')
  const good = await putOnSubscription('pm_card_mastercard')
  const { id } = await last()
  await tenant.ask('POST', `/billing/invoices/${id}/retry`, {})
  expect((await attempts()).at(-1)).toEqual(['02-01T02:00', 'succeeded', good])

  await putOnSubscription(declines)
  await tenant.to('2026-03-01T02:00')
  const bad = await putOnSubscription('pm_card_mastercard')
  await tenant.stripe.paymentMethods.detach(bad)
  await tenant.pays('pm_card_visa')
  await tenant.ask('POST', `/billing/invoices/${(await last()).id}/retry`, {})
  expect((await last()).status).toBe('paid')
  await tenant.isRight()
})

test('a card that was put on the subscription at Stripe pays from the next attempt on', async () => {
  const first = await subscribesWith(declines)
  await tenant.to('2026-02-02T02:00')
  const second = await putOnSubscription(declines)
  await tenant.to('2026-02-04T02:00')
  const third = await putOnSubscription('pm_card_mastercard')
  await tenant.to('2026-02-10T00:00')
  expect(await attempts()).toEqual([
    ['02-01T01:00', 'failed', first],
    ['02-02T01:00', 'failed', first],
    ['02-04T01:00', 'failed', second],
    ['02-06T01:00', 'succeeded', third],
  ])
  await tenant.isRight()
})

test.each([
  ['a live subscription', false],
  ['one that has ended', true],
])('a card that the customer confirms while the invoice of %s is a draft pays it', async (_, hasEnded) => {
  await subscribesWith(declines)
  await tenant.uses('case', 3)
  if (hasEnded) {
    await tenant.to('2026-01-31T12:00')
    await tenant.does('cancel', { at_period_end: false })
  }
  const { faults, clock } = tenant.service.sandbox
  faults.add({ method: 'POST', path: '/v1/invoices/:id/finalize', kind: '429', count: 99 })
  await tenant.to(hasEnded ? '2026-01-31T13:00:03' : '2026-02-01T01:00:03')
  expect((await last()).status).toBe('draft')
  const card = await replaces('pm_card_mastercard')
  faults.clear()
  await clock.advanceTo(clock.nowMs() / 1000 + 7200)
  expect((await last()).status).toBe('paid')
  const [charge] = (await tenant.stripe.charges.list({ customer: tenant.customerId, limit: 1 })).data
  expect(charge).toMatchObject({ status: 'succeeded', payment_method: card })
})

test('a card that is declined once the customer has confirmed another is not tried again', async () => {
  const first = await subscribesWith(declines)
  const { faults } = tenant.service.sandbox
  await tenant.to('2026-02-01T02:00')
  // The attempt is at Stripe, and unanswered, while the other card comes, which is declined too.
  faults.add({ method: 'POST', path: '/v1/invoices/:id/pay', kind: 'reset_before', count: 99 })
  await tenant.to('2026-02-02T01:00:03')
  expect(await attempts()).toHaveLength(1)
  faults.clear()
  const second = await replaces(declines)
  await tenant.to('2026-02-04T02:00')
  const tried = await attempts()
  expect(tried.filter(([, , card]) => card === first).map(([time]) => time)).toEqual([
    '02-01T01:00',
    expect.stringMatching(/^02-02T01:0/),
  ])
  expect(tried.at(-1)).toEqual(['02-04T01:00', 'failed', second])
})

test('an attempt that Stripe refuses for another reason than its card is made again on its day, with no other card', async () => {
  const card = await subscribesWith('pm_card_mastercard')
  const { faults } = tenant.service.sandbox
  faults.add({ method: 'POST', path: '/v1/invoices/:id/pay', kind: '400' })
  await tenant.to('2026-02-01T02:00')
  expect(await attempts()).toEqual([])
  await tenant.to('2026-02-02T02:00')
  expect(await attempts()).toEqual([['02-02T01:00', 'succeeded', card]])
  expect(await requestsTo(tenant.service, 'POST', `/v1/invoices/${(await last()).id}/pay`)).toHaveLength(2)
})
