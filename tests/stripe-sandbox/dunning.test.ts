import type Stripe from 'stripe'
import { expect, test } from 'vitest'
import { authenticate, customerWithCard, type Running, start } from './start.ts'
import { invoicesOf, iso, moveTo, toldSince } from './time.ts'

/** A subscription since 1 March that is paid, and renews on 1 April with another card. */
async function renewedWith(card: string, options: Parameters<typeof start>[0] = {}) {
  const running = await start({ clock: () => Date.parse('2027-03-01T00:00:00Z'), ...options })
  const { stripe } = running
  const customer = await customerWithCard(stripe)
  const subscription = await stripe.subscriptions.create({
    customer: customer.id,
    items: [{ price: 'price_basic_monthly' }],
  })
  const change = async (name: string) => {
    const { id } = await stripe.paymentMethods.attach(name, { customer: customer.id })
    await stripe.customers.update(customer.id, { invoice_settings: { default_payment_method: id } })
  }
  await change(card)
  await moveTo(running, '2027-04-01T01:00:00Z')
  return { ...running, customer, subscription, change }
}

const statusOf = async (stripe: Stripe, id: string) => (await stripe.subscriptions.retrieve(id)).status

test('a renewal that fails makes the subscription past due, and is tried again after 3, 5 and 7 days', async () => {
  const running = await renewedWith('pm_card_chargeCustomerFail')
  const { stripe, subscription } = running
  expect(await toldSince(stripe, '2027-04-01T01:00:00Z')).toEqual([
    '2027-04-01T01:00 payment_intent.created',
    '2027-04-01T01:00 invoice.finalized',
    '2027-04-01T01:00 charge.failed',
    '2027-04-01T01:00 payment_intent.payment_failed',
    '2027-04-01T01:00 invoice.updated',
    '2027-04-01T01:00 invoice.payment_failed',
    '2027-04-01T01:00 customer.subscription.updated',
  ])
  const seen: string[] = []
  for (const day of ['01', '04', '09', '16']) {
    await moveTo(running, `2027-04-${day}T01:00:00Z`)
    const { attempt_count, next_payment_attempt, status } =
      (await invoicesOf(stripe, subscription.id)).at(-1) ?? {}
    seen.push(
      `${status} ${attempt_count} ${iso(next_payment_attempt)} ${await statusOf(stripe, subscription.id)}`,
    )
  }
  expect(seen).toEqual([
    'open 1 2027-04-04T01:00 past_due',
    'open 2 2027-04-09T01:00 past_due',
    'open 3 2027-04-16T01:00 past_due',
    'open 4 null canceled',
  ])
  expect((await toldSince(stripe, '2027-04-16T01:00:00Z')).at(-1)).toBe(
    '2027-04-16T01:00 customer.subscription.deleted',
  )
  expect(await stripe.subscriptions.retrieve(subscription.id)).toMatchObject({
    cancellation_details: { reason: 'payment_failed' },
  })
  await moveTo(running, '2027-06-01T00:00:00Z')
  expect(await invoicesOf(stripe, subscription.id)).toHaveLength(2)
})

test('a card that recovers mends it at the next try; so does one who pays by hand', async () => {
  const running = await renewedWith('pm_card_chargeCustomerFail')
  const { stripe, subscription, change } = running
  await change('pm_card_visa')
  await moveTo(running, '2027-04-04T01:00:00Z')
  expect(await statusOf(stripe, subscription.id)).toBe('active')
  await change('pm_card_chargeCustomerFail')
  await moveTo(running, '2027-05-01T01:00:00Z')
  expect(await statusOf(stripe, subscription.id)).toBe('past_due')
  const failed = (await invoicesOf(stripe, subscription.id)).at(-1)
  await expect(stripe.invoices.pay(failed?.id ?? '')).rejects.toThrow('declined')
  const again = await stripe.invoices.retrieve(failed?.id ?? '')
  // What is tried by hand moves the schedule no more than it counts.
  expect([again.attempt_count, iso(again.next_payment_attempt)]).toEqual([1, '2027-05-04T01:00'])
  await change('pm_card_visa')
  expect(await stripe.invoices.pay(failed?.id ?? '')).toMatchObject({ status: 'paid', attempt_count: 1 })
  expect(await statusOf(stripe, subscription.id)).toBe('active')
  await moveTo(running, '2027-05-20T00:00:00Z')
  expect((await invoicesOf(stripe, subscription.id)).map(({ attempt_count }) => attempt_count)).toEqual([
    1, 2, 1,
  ])
})

test('a bank that wants the customer, who is away: action required, past due, and paid with the challenge', async () => {
  const { box, stripe, subscription } = await renewedWith('pm_card_threeDSecure2Required')
  const told = await toldSince(stripe, '2027-04-01T01:00:00Z')
  expect(told).toContain('2027-04-01T01:00 invoice.payment_action_required')
  expect(await statusOf(stripe, subscription.id)).toBe('past_due')
  expect(await authenticate(box, subscription.id, 'succeed')).toBe(200)
  expect(await statusOf(stripe, subscription.id)).toBe('active')
})

test('where the account says so, it is unpaid after the last try: its invoices stay drafts until it pays', async () => {
  const running = await renewedWith('pm_card_chargeCustomerFail', { afterRetries: 'mark_unpaid' })
  const { stripe, subscription, change } = running
  await moveTo(running, '2027-06-01T02:00:00Z')
  expect(await statusOf(stripe, subscription.id)).toBe('unpaid')
  const invoices = await invoicesOf(stripe, subscription.id)
  expect(invoices.map(({ status }) => status)).toEqual(['paid', 'open', 'draft', 'draft'])
  await change('pm_card_visa')
  await stripe.invoices.pay(invoices.at(-1)?.id ?? '')
  expect(await statusOf(stripe, subscription.id)).toBe('active')
})

test('nobody to charge is a failed payment', async () => {
  const running: Running = await start({ clock: () => Date.parse('2027-03-01T00:00:00Z') })
  const { stripe } = running
  const customer = await stripe.customers.create({})
  const { id } = await stripe.subscriptions.create({
    customer: customer.id,
    items: [{ price: 'price_basic_monthly' }],
    trial_period_days: 14,
  })
  await moveTo(running, '2027-03-15T01:00:00Z')
  expect((await toldSince(stripe, '2027-03-15T01:00:00Z')).slice(-2)).toEqual([
    '2027-03-15T01:00 invoice.payment_failed',
    '2027-03-15T01:00 customer.subscription.updated',
  ])
  expect(await statusOf(stripe, id)).toBe('past_due')
})

test('a card that was taken from its customer is not charged: the renewal fails, and the sandbox goes on', async () => {
  const running = await start({ clock: () => Date.parse('2027-03-01T00:00:00Z') })
  const { stripe } = running
  const customer = await stripe.customers.create({})
  const card = await stripe.paymentMethods.attach('pm_card_visa', { customer: customer.id })
  const { id } = await stripe.subscriptions.create({
    customer: customer.id,
    items: [{ price: 'price_basic_monthly' }],
    default_payment_method: card.id,
  })
  await stripe.paymentMethods.detach(card.id)
  await moveTo(running, '2027-04-01T01:00:00Z')
  expect((await toldSince(stripe, '2027-04-01T01:00:00Z')).slice(-2)).toEqual([
    '2027-04-01T01:00 invoice.payment_failed',
    '2027-04-01T01:00 customer.subscription.updated',
  ])
  expect(await statusOf(stripe, id)).toBe('past_due')
  const next = await stripe.paymentMethods.attach('pm_card_visa', { customer: customer.id })
  await stripe.subscriptions.update(id, { default_payment_method: next.id })
  await moveTo(running, '2027-04-04T01:00:00Z')
  expect(await statusOf(stripe, id)).toBe('active')
})

test('an invoice that is sent is never charged by itself: declined by hand, it is overdue on its day', async () => {
  const running = await start({ clock: () => Date.parse('2027-03-01T00:00:00Z') })
  const { stripe } = running
  const customer = await customerWithCard(stripe, 'pm_card_chargeCustomerFail')
  const subscription = await stripe.subscriptions.create({
    customer: customer.id,
    items: [{ price: 'price_basic_monthly' }],
    collection_method: 'send_invoice',
    days_until_due: 5,
  })
  const [invoice] = await invoicesOf(stripe, subscription.id)
  await moveTo(running, '2027-03-03T00:00:00Z')
  await expect(stripe.invoices.pay(invoice?.id ?? '')).rejects.toThrow('declined')
  expect(await stripe.invoices.retrieve(invoice?.id ?? '')).toMatchObject({ next_payment_attempt: null })
  await moveTo(running, '2027-03-20T00:00:00Z')
  expect(await toldSince(stripe, '2027-03-04T00:00:00Z')).toEqual(['2027-03-06T00:00 invoice.overdue'])
})

test('an ended subscription is asked for no more money: what is open stays so, a draft stays one', async () => {
  const running = await renewedWith('pm_card_chargeCustomerFail')
  const { stripe, customer, subscription } = running
  const other = await stripe.subscriptions.create({
    customer: customer.id,
    items: [{ price: 'price_professional_monthly' }],
    trial_period_days: 1,
  })
  await moveTo(running, '2027-04-02T01:30:00Z')
  for (const { id } of [subscription, other]) await stripe.subscriptions.cancel(id)
  await moveTo(running, '2027-05-01T00:00:00Z')
  const last = async (id: string) => (await invoicesOf(stripe, id)).at(-1)
  expect(await last(subscription.id)).toMatchObject({ status: 'open', attempt_count: 1, auto_advance: false })
  expect(await last(other.id)).toMatchObject({ status: 'draft', auto_advance: false })
})
