import { readFile } from 'node:fs/promises'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { payablePage } from '../../src/billing/invoices/payable.ts'
import { type Service, startService } from '../support/service.ts'
import { authenticate, settled, type Wizard, wizard } from '../support/wizard.ts'

let service: Service
beforeEach(async () => {
  service = await startService({ webhooks: true, environment: { BILLING_TRIAL_PERIOD_DAYS: '0' } })
})
afterEach(() => service.close())

const passes = (days: number) => {
  const { clock } = service.sandbox
  return clock.advanceTo(Math.ceil(clock.nowMs() / 1000) + days * 86_400)
}
/** A card whose bank wants to hear its owner at every payment. */
async function payWithChallenge({ of }: Wizard) {
  const card = { customer: of.customerId }
  const { id } = await service.stripe.paymentMethods.attach('pm_card_authenticationRequired', card)
  await service.stripe.subscriptions.update(of.subscriptionId, { default_payment_method: id })
}
const invoicesOf = async ({ of }: Wizard, key?: string) =>
  (await service.request('GET', `/billing/invoices/tenant/${of.tenantId}`, undefined, key ? { key } : {}))
    .body.data.items
const accessOf = async ({ of }: Wizard) =>
  (await service.request('GET', `/billing/access/tenant/${of.tenantId}`)).body.data

/** What Stripe.js would be given, by Stripe. */
async function secretAtStripe(invoiceId: string) {
  const invoice = await service.stripe.invoices.retrieve(invoiceId, { expand: ['confirmation_secret'] })
  return invoice.confirmation_secret?.client_secret
}

test.for([
  ['a renewal', 'price_basic_monthly'],
  ['an invoice of our own', 'price_basic_yearly'],
])(
  'of %s that the bank wants the customer for, the host has what Stripe.js needs, fresh and kept nowhere',
  async ([, price_id]) => {
    const tenant = wizard(service, { choice: { plan_id: 'basic', price_id: price_id ?? '' } })
    await tenant.to('createSubscription')
    expect((await invoicesOf(tenant))[0]).toMatchObject({ needs_authentication: false, client_secret: null })
    await payWithChallenge(tenant)
    await passes(31.2)
    const key = await service.tenantKey(tenant.of.tenantId)
    const [invoice] = await invoicesOf(tenant, key)
    const secret = await secretAtStripe(invoice.invoice_id)
    expect(secret).toMatch(/^pi_\w+_secret_/)
    const waiting = {
      status: 'open',
      needs_authentication: true,
      client_secret: secret,
      hosted_invoice_url: expect.stringMatching(/^https:/),
    }
    expect(invoice).toMatchObject(waiting)
    expect(await accessOf(tenant)).toMatchObject({ access: 'grace', reason: 'payment_failed' })

    const retry = (headers = {}) =>
      service.request('POST', `/billing/invoices/${invoice.invoice_id}/retry`, undefined, { headers })
    for (const headers of [{}, { 'Idempotency-Key': 'once' }, { 'Idempotency-Key': 'once' }])
      expect(await retry(headers)).toMatchObject({ status: 200, body: { data: waiting } })
    await settled(service)
    expect((await invoicesOf(tenant))[0]).toMatchObject(waiting)
    for (const file of ['test.db', 'test.db-wal'])
      expect((await readFile(`${service.directory}/${file}`)).includes(String(secret)), file).toBe(false)

    await authenticate(service, invoice.invoice_id)
    await settled(service)
    expect((await invoicesOf(tenant))[0]).toMatchObject({
      status: 'paid',
      needs_authentication: false,
      client_secret: null,
    })
    expect(await accessOf(tenant)).toMatchObject({ access: 'full' })
    const again = await retry({ 'Idempotency-Key': 'once' })
    expect(again).toMatchObject({ status: 200, body: { data: { status: 'open' } } })
  },
)

test('of a page, Stripe is asked one by one, for the newest five that wait for the customer', async () => {
  const tenant = wizard(service)
  await tenant.to('createSubscription')
  await payWithChallenge(tenant)
  await passes(31.2)
  const [waiting, first] = await invoicesOf(tenant)
  const { stripe, log } = service.context
  if (stripe === undefined) throw new Error('no Stripe')
  let underWay = 0
  const together: number[] = []
  const counted: typeof stripe.fetch = async (...asked) => {
    underWay += 1
    together.push(underWay)
    return stripe.fetch(...asked).finally(() => {
      underWay -= 1
    })
  }
  const page = [first, ...Array.from({ length: 8 }, () => ({ ...waiting, client_secret: undefined }))]
  const shown = await payablePage({ stripe: { ...stripe, fetch: counted }, log }, page)
  expect(together).toEqual([1, 1, 1, 1, 1])
  expect(shown.map(({ client_secret }) => client_secret !== null)).toEqual(
    page.map((_, index) => index >= 1 && index <= 5),
  )
  expect(shown.at(-1)).toMatchObject({
    invoice_id: waiting.invoice_id,
    hosted_invoice_url: expect.any(String),
  })
})

test('the list is there without Stripe, and says that the customer is waited for', async () => {
  const tenant = wizard(service)
  await tenant.to('createSubscription')
  await payWithChallenge(tenant)
  await passes(31.2)
  const fault = { path: '/v1/invoices/*', kind: '500_before', count: 20 }
  await fetch(`${service.sandbox.url}/_sandbox/faults`, { method: 'POST', body: JSON.stringify(fault) })
  expect((await invoicesOf(tenant))[0]).toMatchObject({ needs_authentication: true, client_secret: null })
})

test('who fails at the bank is declined, and waited for no more', async () => {
  const tenant = wizard(service)
  await tenant.to('createSubscription')
  await payWithChallenge(tenant)
  await passes(31.2)
  const [{ invoice_id }] = await invoicesOf(tenant)
  await passes(0.001)
  await authenticate(service, invoice_id, 'fail')
  await settled(service)
  expect((await invoicesOf(tenant))[0]).toMatchObject({
    status: 'open',
    needs_authentication: false,
    client_secret: null,
  })
})
