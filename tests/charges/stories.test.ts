import { afterEach, beforeEach, expect, test } from 'vitest'
import { type Months, openMonths } from '../support/months.ts'

let tenant: Months
beforeEach(async () => {
  tenant = await openMonths()
})
afterEach(() => tenant.close())

test('a yearly plan pays its usage and its base each month, and the plan once a year', async () => {
  await tenant.subscribes('price_basic_yearly')
  await tenant.uses('agent', 10, { action: 'set' })
  await tenant.to('2027-01-01T02:00')
  expect(await tenant.invoices()).toEqual([
    '2026-01-01T00:00 paid 59000: First base 10000, plan 49000',
    '2026-02-01T01:00 paid 60000: Agents 1 Jan 50000, Platform base 1 Feb 10000',
    '2026-03-01T01:00 paid 60000: Agents 1 Feb 50000, Platform base 1 Mar 10000',
    '2026-04-01T01:00 paid 60000: Agents 1 Mar 50000, Platform base 1 Apr 10000',
    '2026-05-01T01:00 paid 60000: Agents 1 Apr 50000, Platform base 1 May 10000',
    '2026-06-01T01:00 paid 60000: Agents 1 May 50000, Platform base 1 Jun 10000',
    '2026-07-01T01:00 paid 60000: Agents 1 Jun 50000, Platform base 1 Jul 10000',
    '2026-08-01T01:00 paid 60000: Agents 1 Jul 50000, Platform base 1 Aug 10000',
    '2026-09-01T01:00 paid 60000: Agents 1 Aug 50000, Platform base 1 Sep 10000',
    '2026-10-01T01:00 paid 60000: Agents 1 Sep 50000, Platform base 1 Oct 10000',
    '2026-11-01T01:00 paid 60000: Agents 1 Oct 50000, Platform base 1 Nov 10000',
    '2026-12-01T01:00 paid 60000: Agents 1 Nov 50000, Platform base 1 Dec 10000',
    '2027-01-01T00:00 paid 109000: Agents 1 Dec 50000, Platform base 1 Jan 10000, plan 49000',
  ])
  await tenant.isRight()
})

test('a quarterly plan pays each month, between two renewals on invoices of our own', async () => {
  await tenant.subscribes(await tenant.price({ interval: 'month', interval_count: 3 }, 13_900))
  await tenant.uses('agent', 10, { action: 'set' })
  await tenant.to('2026-04-01T02:00')
  expect(await tenant.invoices()).toEqual([
    '2026-01-01T00:00 paid 23900: First base 10000, plan 13900',
    '2026-02-01T01:00 paid 60000: Agents 1 Jan 50000, Platform base 1 Feb 10000',
    '2026-03-01T01:00 paid 60000: Agents 1 Feb 50000, Platform base 1 Mar 10000',
    '2026-04-01T00:00 paid 73900: Agents 1 Mar 50000, Platform base 1 Apr 10000, plan 13900',
  ])
  await tenant.isRight()
})

test('a weekly plan pays a month’s base once a month', async () => {
  await tenant.subscribes(await tenant.price({ interval: 'week' }, 1300))
  await tenant.to('2026-04-01T02:00')
  const invoices = await tenant.invoices()
  expect(invoices.filter((text) => text.includes('ase '))).toEqual([
    '2026-01-01T00:00 paid 11300: First base 10000, plan 1300',
    '2026-02-01T01:00 paid 10000: Platform base 1 Feb 10000',
    '2026-03-01T01:00 paid 10000: Platform base 1 Mar 10000',
    '2026-04-01T01:00 paid 10000: Platform base 1 Apr 10000',
  ])
  expect(invoices.filter((text) => text.endsWith('paid 1300: plan 1300'))).toHaveLength(12)
  await tenant.isRight()
})

test('a subscription that ends pays its last usage an hour later', async () => {
  await tenant.subscribes()
  await tenant.uses('case', 3)
  await tenant.does('cancel')
  await tenant.to('2026-01-31T12:00')
  await tenant.uses('case', 1)
  await tenant.to('2026-02-05T00:00')
  expect(await tenant.invoices()).toEqual([
    '2026-01-01T00:00 paid 14900: First base 10000, plan 4900',
    '2026-02-01T01:00 paid 4000: Cases 1 Jan 4000',
  ])
  await tenant.isRight()
})

test('one that is cancelled and begun again each month pays each month', async () => {
  for (const month of ['2026-02', '2026-03', '2026-04']) {
    await tenant.subscribes()
    await tenant.uses('case', 3)
    await tenant.does('cancel')
    await tenant.to(`${month}-01T02:00`)
  }
  await tenant.to('2026-04-02T00:00')
  expect(await tenant.invoices()).toEqual([
    '2026-01-01T00:00 paid 14900: First base 10000, plan 4900',
    '2026-02-01T01:00 paid 3000: Cases 1 Jan 3000',
    '2026-02-01T02:00 paid 14900: First base 10000, plan 4900',
    '2026-03-01T02:00 paid 14900: First base 10000, plan 4900',
    '2026-03-01T03:00 paid 3000: Cases 1 Feb 3000',
    '2026-04-01T03:00 paid 3000: Cases 1 Mar 3000',
  ])
  await tenant.isRight()
})

test('a discount lowers the plan alone', async () => {
  await tenant.ask('POST', '/billing/discounts', { code: 'HALF', percent_off: 50, duration: 'forever' })
  await tenant.subscribes('price_basic_monthly', { discount_code: 'HALF' })
  await tenant.uses('case', 3)
  await tenant.to('2026-02-01T02:00')
  // Stripe's line has the plan's amount before the discount.
  expect((await tenant.invoices()).map((text) => text.split(': ')[0])).toEqual([
    '2026-01-01T00:00 paid 12450',
    '2026-02-01T00:00 paid 15450',
  ])
  await tenant.isRight()
})

test('who pays by invoice gets one that is sent, and that nobody tries to pay', async () => {
  const id = await tenant.subscribes('price_basic_yearly')
  await tenant.stripe.subscriptions.update(id, { collection_method: 'send_invoice', days_until_due: 14 })
  await tenant.uses('case', 3)
  await tenant.to('2026-02-01T02:00')
  const { data } = await tenant.stripe.invoices.list({ customer: tenant.customerId, limit: 1 })
  expect(data).toMatchObject([
    {
      status: 'open',
      collection_method: 'send_invoice',
      due_date: Date.parse('2026-02-15T01:00:00Z') / 1000,
      attempt_count: 0,
      total: 13_000,
    },
  ])
  await tenant.to('2026-02-20T02:00')
  expect(await tenant.invoices()).toEqual([
    '2026-01-01T00:00 paid 59000: First base 10000, plan 49000',
    '2026-02-01T01:00 open 13000: Cases 1 Jan 3000, Platform base 1 Feb 10000',
  ])
  await tenant.isRight()
})

test('a subscription in another currency is unpriced', async () => {
  const price = await tenant.price({ interval: 'month' }, 4900, 'eur')
  await tenant.stripe.subscriptions.create({ customer: tenant.customerId, items: [{ price }] })
  await tenant.to('2026-01-02T00:00')
  await tenant.uses('case', 3)
  await tenant.to('2026-02-01T02:00')
  expect(await tenant.invoices()).toEqual([
    '2026-01-01T00:00 paid 4900: plan 4900',
    '2026-02-01T00:00 paid 4900: plan 4900',
  ])
  expect(await tenant.nextCents()).toBe(4900)
  await tenant.isRight()
})
