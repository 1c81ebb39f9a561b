import { afterEach, beforeEach, expect, test } from 'vitest'
import { rebillInvoice } from '../../src/charges/rebill.ts'
import { ingest } from '../../src/inbox/ingest.ts'
import { type Months, openMonths } from '../support/months.ts'
import { history } from '../support/webhooks.ts'

let tenant: Months
beforeEach(async () => {
  tenant = await openMonths()
})
afterEach(() => tenant.close())

const last = async (): Promise<string> =>
  (await tenant.stripe.invoices.list({ customer: tenant.customerId, limit: 1 })).data[0]?.id ?? ''
const rebill = (invoiceId: string) =>
  tenant.service.context.transact({ actor: 'cli' }, (turn) =>
    rebillInvoice(turn, { tenantId: tenant.tenantId, invoiceId, reason: 'by mistake' }),
  )

test('what was forgiven by voiding its invoice comes back once, when an operator says so, and not by itself', async () => {
  await tenant.subscribes('price_basic_yearly')
  await tenant.uses('case', 3)
  await tenant.pays('pm_card_chargeCustomerFail')
  await tenant.to('2026-02-01T02:00')
  const voided = await last()
  await tenant.stripe.invoices.voidInvoice(voided)
  await tenant.pays('pm_card_visa')
  await tenant.to('2026-03-01T02:00')
  expect(await rebill(voided)).toBe(13_000)
  await expect(rebill(voided)).rejects.toThrow('that was done')
  await tenant.to('2026-05-01T02:00')
  expect(await tenant.invoices()).toEqual([
    '2026-01-01T00:00 paid 59000: First base 10000, plan 49000',
    '2026-02-01T01:00 void 13000: Cases 1 Jan 3000, Platform base 1 Feb 10000',
    '2026-03-01T01:00 paid 10000: Platform base 1 Mar 10000',
    '2026-04-01T01:00 paid 23000: Cases 1 Jan 3000, Platform base 1 Apr 10000, Platform base 1 Feb 10000',
    '2026-05-01T01:00 paid 10000: Platform base 1 May 10000',
  ])
  await tenant.isRight()
})

test.each(['before', 'after'])(
  'what was forgiven stays so when its webhook comes %s the next invoice is made',
  async (when) => {
    await tenant.close()
    tenant = await openMonths({ webhooks: false })
    await tenant.subscribes('price_basic_yearly')
    await tenant.uses('case', 3)
    await tenant.pays('pm_card_chargeCustomerFail')
    await tenant.to('2026-02-01T02:00')
    await tenant.stripe.invoices.voidInvoice(await last())
    await tenant.pays('pm_card_visa')
    const voided = (await history(tenant.stripe)).filter(({ type }) => type === 'invoice.voided')
    const tell = async () => {
      for (const event of voided) await ingest(tenant.service.context, event)
    }
    if (when === 'before') await tell()
    await tenant.to('2026-03-01T02:00')
    if (when === 'after') await tell()
    await tenant.uses('case', 1)
    await tenant.to('2026-04-01T02:00')
    expect(await tenant.invoices()).toEqual([
      '2026-01-01T00:00 paid 59000: First base 10000, plan 49000',
      '2026-02-01T01:00 void 13000: Cases 1 Jan 3000, Platform base 1 Feb 10000',
      '2026-03-01T01:00 paid 10000: Platform base 1 Mar 10000',
      '2026-04-01T01:00 paid 11000: Cases 1 Mar 1000, Platform base 1 Apr 10000',
    ])
    await tenant.isRight()
  },
)

test('an invoice for something else that was made by hand bills no usage', async () => {
  const { stripe, customerId: customer } = tenant
  await tenant.subscribes()
  await tenant.uses('case', 3)
  const { id = '' } = await stripe.invoices.create({ customer, auto_advance: false })
  await stripe.invoiceItems.create({
    customer,
    invoice: id,
    amount: 90_000,
    currency: 'usd',
    description: 'Consulting',
  })
  await stripe.invoices.finalizeInvoice(id)
  await stripe.invoices.pay(id)
  await tenant.to('2026-02-01T02:00')
  expect(await tenant.invoices()).toEqual([
    '2026-01-01T00:00 paid 14900: First base 10000, plan 4900',
    '2026-01-01T00:00 paid 90000: plan 90000',
    '2026-02-01T00:00 paid 17900: Cases 1 Jan 3000, Platform base 1 Feb 10000, plan 4900',
  ])
  await tenant.addsUp()
})

test.each([
  [
    '35 minutes',
    '2026-02-01T00:35',
    [
      '2026-01-01T00:00 paid 14900: First base 10000, plan 4900',
      '2026-02-01T00:00 paid 17900: Cases 1 Jan 3000, Platform base 1 Feb 10000, plan 4900',
    ],
  ],
  [
    '70 minutes',
    '2026-02-01T01:10',
    [
      '2026-01-01T00:00 paid 14900: First base 10000, plan 4900',
      '2026-02-01T00:00 paid 4900: plan 4900',
      '2026-02-01T01:10 paid 13000: Cases 1 Jan 3000, Platform base 1 Feb 10000',
    ],
  ],
])(
  'while Stripe is away for %s after a renewal nothing is missed, nor charged twice',
  async (_, end, invoices) => {
    await tenant.subscribes()
    await tenant.uses('case', 3)
    await tenant.to('2026-01-31T23:59')
    tenant.service.sandbox.faults.add({ path: '/v1/*', kind: '500_before', count: 1_000_000 })
    await tenant.to(end)
    tenant.service.sandbox.faults.clear()
    await tenant.to('2026-02-02T00:00')
    expect(await tenant.invoices()).toEqual(invoices)
    await tenant.addsUp()
  },
)

test('a draft whose subscription is ended at once loses its lines again, which are on the last invoice', async () => {
  await tenant.subscribes()
  await tenant.uses('case', 3)
  await tenant.to('2026-02-01T00:30')
  await tenant.does('cancel', { at_period_end: false })
  await tenant.to('2026-02-03T00:00')
  expect(await tenant.invoices()).toEqual([
    '2026-01-01T00:00 paid 14900: First base 10000, plan 4900',
    '2026-02-01T00:00 draft 4900: plan 4900',
    '2026-02-01T01:30 paid 13000: Cases 1 Jan 3000, Platform base 1 Feb 10000',
  ])
  await tenant.isRight()
})

test('an invoice of our own that is not paid is tried again after 1, 3, 5 and 7 days, and no more', async () => {
  await tenant.subscribes('price_basic_yearly')
  await tenant.uses('case', 3)
  await tenant.pays('pm_card_chargeCustomerFail')
  await tenant.to('2026-02-27T00:00')
  const failed = (await history(tenant.stripe)).filter(({ type }) => type === 'invoice.payment_failed')
  expect(failed.map(({ created }) => new Date(created * 1000).toISOString().slice(0, 16))).toEqual([
    '2026-02-01T01:00',
    '2026-02-02T01:00',
    '2026-02-04T01:00',
    '2026-02-06T01:00',
    '2026-02-08T01:00',
  ])
  expect(await tenant.invoices()).toEqual([
    '2026-01-01T00:00 paid 59000: First base 10000, plan 49000',
    '2026-02-01T01:00 open 13000: Cases 1 Jan 3000, Platform base 1 Feb 10000',
  ])
  await tenant.isRight()
})
