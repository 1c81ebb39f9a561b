import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Service, startService } from '../support/service.ts'
import { settled, type Wizard, wizard } from '../support/wizard.ts'

let service: Service
let tenant: Wizard
beforeAll(async () => {
  service = await startService({ webhooks: true, environment: { BILLING_TRIAL_PERIOD_DAYS: '0' } })
  tenant = wizard(service)
  await tenant.to('createSubscription')
  await use('case', 3)
  await days(32)
}, 60_000)
afterAll(() => service.close())

const days = (count: number) =>
  service.sandbox.clock.advanceTo(Math.ceil(service.sandbox.clock.nowMs() / 1000) + count * 86_400)

async function use(usage_type: string, quantity: number): Promise<void> {
  const body = { tenant_id: tenant.of.tenantId, usage_type, quantity }
  expect((await service.request('POST', '/billing/usage', body)).status).toBe(200)
}

async function invoices() {
  const { status, body } = await service.request('GET', `/billing/invoices/tenant/${tenant.of.tenantId}`)
  expect(status).toBe(200)
  return body.data.items
}

test('each invoice has our lines: type, month, quantity, amount; the plan is not among them', async () => {
  const [renewal, first] = await invoices()
  const { items } = (await service.request('GET', `/billing/usage/tenant/${tenant.of.tenantId}/records`)).body
    .data
  const [{ window_start }] = items
  expect(first.lines).toMatchObject([
    {
      usage_type: 'platform_base',
      window_start,
      quantity: 1,
      amount_cents: 10_000,
      kind: 'first',
      refusal: null,
    },
  ])
  expect(renewal.lines).toMatchObject([
    { usage_type: 'case', window_start, quantity: 3, amount_cents: 3000, kind: 'item', refusal: null },
    { usage_type: 'platform_base', window_start: renewal.lines[0].window_end, amount_cents: 10_000 },
  ])
  expect(renewal.total_cents).toBe(3000 + 10_000 + 4900)
  expect(renewal.lines[0].upto_position).toBeGreaterThan(first.lines[0].upto_position)
})

const parts = ['paid', 'outstanding', 'written_off', 'forgiven', 'credited', 'balance'] as const

test('a total is what is paid, outstanding, written off, forgiven, credited and of the balance, together', async () => {
  const { stripe } = service
  const { customerId: customer } = tenant.of
  const [card] = (await stripe.paymentMethods.list({ customer })).data
  await stripe.customers.update(customer, { invoice_settings: { default_payment_method: card?.id ?? '' } })
  const make = async (amount: number) => {
    const { id = '' } = await stripe.invoices.create({ customer, auto_advance: false, currency: 'usd' })
    await stripe.invoiceItems.create({ customer, invoice: id, amount, currency: 'usd' })
    await stripe.invoices.finalizeInvoice(id, { auto_advance: false })
    return id
  }
  const credited = await make(1000)
  await stripe.creditNotes.create({ invoice: credited, amount: 300 })
  const paid = await make(2000)
  await stripe.invoices.pay(paid)
  await stripe.creditNotes.create({ invoice: paid, amount: 500, credit_amount: 500 })
  const ofBalance = await make(800)
  await stripe.invoices.pay(ofBalance)
  const written = await make(400)
  await stripe.invoices.markUncollectible(written)
  const voided = await make(600)
  await stripe.invoices.voidInvoice(voided)
  await settled(service)
  const shown = await invoices()
  const of = (id: string) => {
    const invoice = shown.find(({ invoice_id }: { invoice_id: string }) => invoice_id === id)
    return Object.fromEntries(
      parts.map((part) => [part, invoice[`${part}_cents`]]).filter(([, cents]) => cents !== 0),
    )
  }
  expect(of(credited)).toEqual({ outstanding: 700, credited: 300 })
  expect(of(paid)).toEqual({ paid: 1500, credited: 500 })
  expect(of(ofBalance)).toEqual({ paid: 300, balance: 500 })
  expect(of(written)).toEqual({ written_off: 400 })
  expect(of(voided)).toEqual({ forgiven: 600 })
  for (const invoice of shown)
    expect(parts.reduce((sum, part) => sum + invoice[`${part}_cents`], 0)).toBe(invoice.total_cents)
})
