import { afterEach, beforeEach, expect, test } from 'vitest'
import { ingest } from '../../src/inbox/ingest.ts'
import { verifyTables } from '../../src/projections/replay.ts'
import { type Months, openMonths } from '../support/months.ts'
import { startService } from '../support/service.ts'
import { carryOutDue, requestsTo, returnUrl, settled, wizard } from '../support/wizard.ts'

let tenant: Months
beforeEach(async () => {
  tenant = await openMonths()
})
afterEach(() => tenant.close())

const declines = 'pm_card_chargeCustomerFail'
const cardIs = { tenant_id: 'tenant_a', return_url: returnUrl }
/** @returns the SetupIntent, as confirmed in the browser: no webhook has come yet */
async function confirms(card: string) {
  const { setup_intent_id } = await tenant.ask('POST', '/billing/payment-methods/setup', cardIs)
  return tenant.stripe.setupIntents.confirm(setup_intent_id, { payment_method: card, return_url: returnUrl })
}
async function told() {
  await settled(tenant.service)
  await carryOutDue(tenant.service)
  await settled(tenant.service)
}
async function replaces(card: string): Promise<string> {
  const intent = await confirms(card)
  await told()
  return String(intent.payment_method)
}
const defaults = async () => {
  const customer = await tenant.stripe.customers.retrieve(tenant.customerId)
  const { data } = await tenant.stripe.subscriptions.list({ customer: tenant.customerId })
  return [
    'invoice_settings' in customer && customer.invoice_settings.default_payment_method,
    ...data.map(({ default_payment_method }) => default_payment_method),
  ]
}
const shown = async (): Promise<{ payment_method_id: string; is_default: boolean }[]> =>
  (await tenant.ask('GET', '/billing/payment-methods/tenant/tenant_a')).items
const openInvoices = async () =>
  (await tenant.stripe.invoices.list({ customer: tenant.customerId, status: 'open', limit: 100 })).data
const successes = async () => {
  const { data } = await tenant.stripe.charges.list({ customer: tenant.customerId, limit: 100 })
  return data.filter(({ status }) => status === 'succeeded').length
}
const asked = async () =>
  (
    await tenant.service.context.db.reader
      .selectFrom('billing_events')
      .select('fact_id')
      .where('fact_id', 'like', 'stepledger:tenant_a:card:%')
      .where('type', '=', 'billing.operation_requested')
      .execute()
  ).length

/** A renewal of the plan that the card does not pay. */
async function owesRenewal(): Promise<string> {
  await tenant.subscribes()
  await tenant.pays(declines)
  await tenant.to('2026-02-01T03:00')
  const [invoice, ...others] = await openInvoices()
  expect([others.length, invoice?.status]).toEqual([0, 'open'])
  return invoice?.id ?? ''
}

test('a confirmed card becomes the default of the customer and of the live subscription, and pays the next month', async () => {
  await tenant.subscribes()
  const card = await replaces('pm_card_mastercard')
  expect(await defaults()).toEqual([card, card])
  expect((await shown()).filter((each) => each.is_default).map((each) => each.payment_method_id)).toEqual([
    card,
  ])
  await tenant.to('2026-02-01T03:00')
  const [charge] = (await tenant.stripe.charges.list({ customer: tenant.customerId, limit: 1 })).data
  expect(charge).toMatchObject({ status: 'succeeded', payment_method: card })
  await tenant.isRight()
})

test('what is open and collected automatically is paid with it at once, what is sent is not', async () => {
  const renewal = await owesRenewal()
  const sent = await tenant.stripe.invoices.create({
    ...{
      customer: tenant.customerId,
      collection_method: 'send_invoice',
      days_until_due: 14,
      currency: 'usd',
    },
  })
  const item = { customer: tenant.customerId, invoice: sent.id ?? '', amount: 500, currency: 'usd' }
  await tenant.stripe.invoiceItems.create(item)
  await tenant.stripe.invoices.finalizeInvoice(sent.id ?? '')
  await settled(tenant.service)
  await replaces('pm_card_visa')
  expect((await openInvoices()).map(({ id }) => id)).toEqual([sent.id])
  expect(await tenant.stripe.invoices.retrieve(renewal)).toMatchObject({ status: 'paid' })
  const status = await tenant.ask('GET', '/billing/subscriptions/tenant/tenant_a')
  expect(status.status).toBe('active')
})

test('an open invoice of our own is paid with it too, and keeps no other card', async () => {
  await tenant.subscribes('price_basic_yearly')
  await tenant.uses('case', 3)
  await tenant.pays(declines)
  await tenant.to('2026-02-01T03:00')
  const [own] = await openInvoices()
  expect(own).toMatchObject({
    amount_due: expect.any(Number),
    metadata: { stepledger_key: expect.any(String) },
  })
  const card = await replaces('pm_card_visa')
  const after = await tenant.stripe.invoices.retrieve(own?.id ?? '')
  expect(after).toMatchObject({ status: 'paid', default_payment_method: card })
  const before = await successes()
  // Its own attempts, which are still to come, find it paid.
  await tenant.to('2026-02-10T00:00')
  expect(await successes()).toBe(before)
  await tenant.isRight()
})

test('an invoice of our own that it does not pay either is tried again with it, not with the card before', async () => {
  const subscription = await tenant.subscribes('price_basic_yearly')
  const { id } = await tenant.stripe.paymentMethods.attach(declines, { customer: tenant.customerId })
  await tenant.stripe.subscriptions.update(subscription, { default_payment_method: id })
  await tenant.to('2026-02-01T03:00')
  const last = async () =>
    (await tenant.stripe.charges.list({ customer: tenant.customerId, limit: 1 })).data[0]
  expect(await last()).toMatchObject({ status: 'failed', payment_method: id })
  const card = await replaces(declines)
  await tenant.to('2026-02-02T03:00')
  expect(await last()).toMatchObject({
    ...{ status: 'failed', payment_method: card },
    created: Date.parse('2026-02-02T01:00Z') / 1000,
  })
})

test('told twice, and told again much later, it does no more', async () => {
  await owesRenewal()
  await replaces('pm_card_visa')
  const before = [await asked(), await successes()]
  expect(before[0]).toBe(3)
  const { data } = await tenant.stripe.events.list({ type: 'setup_intent.succeeded' })
  for (const event of data) {
    await ingest(tenant.service.context, event)
    // As another event of the same SetupIntent.
    await ingest(tenant.service.context, { ...event, id: `${event.id}_again` })
  }
  await told()
  expect([await asked(), await successes()]).toEqual(before)
})

test('the webhook of an older card that comes last does not bring that card back', async () => {
  // No webhook comes by itself here.
  const service = await startService()
  try {
    const person = wizard(service)
    await person.to('createSubscription')
    const { tenantId, customerId, subscriptionId } = person.of
    const confirm = async (payment_method: string, key: string) => {
      const body = { tenant_id: tenantId, return_url: returnUrl }
      const headers = { 'Idempotency-Key': key }
      const reply = await service.request('POST', '/billing/payment-methods/setup', body, { headers })
      const { clock } = service.sandbox
      await clock.advanceTo(Math.ceil(clock.nowMs() / 1000) + 60)
      const how = { payment_method, return_url: returnUrl }
      return service.stripe.setupIntents.confirm(reply.body.data.setup_intent_id, how)
    }
    const older = await confirm('pm_card_visa', 'first')
    const newer = await confirm('pm_card_mastercard', 'second')
    const { data } = await service.stripe.events.list({ type: 'setup_intent.succeeded' })
    for (const { id } of [newer, older]) {
      const event = data.find(({ data: { object } }) => Reflect.get(object, 'id') === id)
      if (event === undefined) throw new Error('Stripe has not told of it')
      expect(await ingest(service.context, event)).toBe('applied')
      await carryOutDue(service)
    }
    const subscription = await service.stripe.subscriptions.retrieve(subscriptionId)
    expect(subscription.default_payment_method).toBe(newer.payment_method)
    const customer = await service.stripe.customers.retrieve(customerId)
    expect(customer).toMatchObject({ invoice_settings: { default_payment_method: newer.payment_method } })
  } finally {
    await service.close()
  }
})

test('ended between the card and the payments, and with answers lost, it pays once', async () => {
  const renewal = await owesRenewal()
  const { sandbox, directory, context } = tenant.service
  const before = await successes()
  await context.effects.stop()
  await confirms('pm_card_visa')
  await sandbox.deliverDue()
  expect(await asked()).toBeGreaterThan(2)
  expect(await openInvoices()).toHaveLength(1)

  for (const path of [`/v1/customers/${tenant.customerId}`, `/v1/invoices/${renewal}/pay`])
    sandbox.faults.add({ method: 'POST', path, kind: '500_after', count: 2 })
  let laterMs = 0
  const now = () => new Date(sandbox.clock.nowMs() + laterMs)
  const restarted = await startService({ directory, sandbox, now })
  try {
    await carryOutDue(restarted)
    for (laterMs of [60_000, 3_600_000]) await carryOutDue(restarted)
    const { reader } = restarted.context.db
    const effects = reader.selectFrom('effects').select('status').where('effect_id', 'like', '%:card:%')
    expect(new Set((await effects.execute()).map(({ status }) => status))).toEqual(new Set(['done']))
    expect(await openInvoices()).toEqual([])
    expect(await successes()).toBe(before + 1)
    expect(await verifyTables(restarted.context.db)).toMatchObject({ ok: true })
  } finally {
    await restarted.close()
  }
})

test('a card that pays nothing is the default all the same, and the invoice stays open', async () => {
  const renewal = await owesRenewal()
  const card = await replaces('pm_card_chargeCustomerFail')
  expect(await defaults()).toEqual([card, card])
  expect((await openInvoices()).map(({ id }) => id)).toEqual([renewal])
  expect((await tenant.ask('GET', '/billing/subscriptions/tenant/tenant_a')).status).toBe('past_due')
})

test('a SetupIntent of onboarding, or made at Stripe, changes no default', async () => {
  await tenant.subscribes()
  const before = await defaults()
  const byHand = await tenant.stripe.setupIntents.create({
    ...{ customer: tenant.customerId, automatic_payment_methods: { enabled: true } },
    ...{ confirm: true, payment_method: 'pm_card_mastercard', return_url: returnUrl },
    metadata: { tenant_id: 'tenant_a', stepledger_key: 'stepledger:tenant_a:create_setup_intent:99' },
  })
  expect(byHand.status).toBe('succeeded')
  const starting = wizard(tenant.service)
  await starting.to('confirmCard')
  await told()
  expect(await defaults()).toEqual(before)
  const customer = await tenant.stripe.customers.retrieve(starting.of.customerId)
  expect(customer).toMatchObject({ invoice_settings: { default_payment_method: null } })
  expect(await requestsTo(tenant.service, 'POST', `/v1/customers/${starting.of.customerId}`)).toEqual([])
})
