import { afterEach, beforeEach, expect, test } from 'vitest'
import { releaseUsage } from '../../src/charges/decisions.ts'
import { type Months, openMonths } from '../support/months.ts'

let tenant: Months
beforeEach(async () => {
  tenant = await openMonths()
})
afterEach(() => tenant.close())

test('a level carries over, and a set count replaces only what its own month has counted before', async () => {
  await tenant.subscribes()
  await tenant.uses('agent', 10, { action: 'set' })
  await tenant.uses('case', 7)
  await tenant.to('2026-02-02T00:00')
  await tenant.uses('agent', 3, { action: 'set' })
  await tenant.uses('case', 5)
  await tenant.to('2026-02-03T00:00')
  await tenant.uses('case', 2, { action: 'set' })
  await tenant.to('2026-04-01T02:00')
  expect(await tenant.invoices()).toEqual([
    '2026-01-01T00:00 paid 14900: First base 10000, plan 4900',
    '2026-02-01T00:00 paid 71900: Agents 1 Jan 50000, Cases 1 Jan 7000, Platform base 1 Feb 10000, plan 4900',
    '2026-03-01T00:00 paid 66900: Agents 1 Feb 50000, Cases 1 Feb 2000, Platform base 1 Mar 10000, plan 4900',
    '2026-04-01T00:00 paid 29900: Agents 1 Mar 15000, Platform base 1 Apr 10000, plan 4900',
  ])
  await tenant.isRight()
})

test('late usage is on the next invoice and names its month', async () => {
  await tenant.subscribes()
  await tenant.uses('case', 3)
  await tenant.to('2026-02-03T00:00')
  await tenant.uses('case', 2, { occurred_at: '2026-01-31T12:00:00Z' })
  await tenant.to('2026-03-01T02:00')
  expect(await tenant.invoices()).toEqual([
    '2026-01-01T00:00 paid 14900: First base 10000, plan 4900',
    '2026-02-01T00:00 paid 17900: Cases 1 Jan 3000, Platform base 1 Feb 10000, plan 4900',
    '2026-03-01T00:00 paid 16900: Cases 1 Jan 2000, Platform base 1 Mar 10000, plan 4900',
  ])
  await tenant.isRight()
})

test('a voided record is a credit on the next invoice, after the end a credit note', async () => {
  await tenant.subscribes()
  const first = await tenant.uses('case', 3)
  await tenant.to('2026-02-03T00:00')
  await tenant.ask('POST', `/billing/usage/${first}/void`, {})
  const second = await tenant.uses('case', 2)
  await tenant.to('2026-03-01T02:00')
  await tenant.does('cancel', { at_period_end: false })
  await tenant.to('2026-03-02T00:00')
  await tenant.ask('POST', `/billing/usage/${second}/void`, {})
  await tenant.to('2026-03-02T12:00')
  expect(await tenant.invoices()).toEqual([
    '2026-01-01T00:00 paid 14900: First base 10000, plan 4900',
    '2026-02-01T00:00 paid 17900: Cases 1 Jan 3000, Platform base 1 Feb 10000, plan 4900',
    '2026-03-01T00:00 paid 13900: Cases 1 Feb 2000, Cases 1 Jan -3000, Platform base 1 Mar 10000, plan 4900',
  ])
  const notes = await tenant.stripe.creditNotes.list({ customer: tenant.customerId })
  expect(notes.data).toMatchObject([{ total: 2000, post_payment_amount: 2000 }])
  await tenant.isRight()
})

test('a credit larger than the next month is carried on', async () => {
  await tenant.subscribes()
  const record = await tenant.uses('case', 30)
  await tenant.to('2026-02-03T00:00')
  await tenant.ask('POST', `/billing/usage/${record}/void`, {})
  await tenant.to('2026-05-01T02:00')
  expect(await tenant.invoices()).toEqual([
    '2026-01-01T00:00 paid 14900: First base 10000, plan 4900',
    '2026-02-01T00:00 paid 44900: Cases 1 Jan 30000, Platform base 1 Feb 10000, plan 4900',
    '2026-03-01T00:00 paid 4900: Cases 1 Jan -10000, Platform base 1 Mar 10000, plan 4900',
    '2026-04-01T00:00 paid 4900: Cases 1 Jan -10000, Platform base 1 Apr 10000, plan 4900',
    '2026-05-01T00:00 paid 4900: Cases 1 Jan -10000, Platform base 1 May 10000, plan 4900',
  ])
  await tenant.isRight()
})

test('an amount above the largest that Stripe takes is on no invoice until it is released', async () => {
  await tenant.subscribes()
  await tenant.uses('case', 100_000)
  await tenant.uses('agent', 1, { action: 'set' })
  await tenant.to('2026-02-02T00:00')
  const { service, tenantId } = tenant
  await service.context.transact({ actor: 'cli' }, (turn) =>
    releaseUsage(turn, { tenantId, windowStart: '2026-01-01T00:00:00.000Z', type: 'case', reason: 'meant' }),
  )
  await tenant.to('2026-04-01T02:00')
  expect(await tenant.invoices()).toEqual([
    '2026-01-01T00:00 paid 14900: First base 10000, plan 4900',
    '2026-02-01T00:00 paid 19900: Agents 1 Jan 5000, Platform base 1 Feb 10000, plan 4900',
    '2026-03-01T00:00 paid 99999999: Cases 1 Jan 99995099, plan 4900',
    '2026-04-01T00:00 paid 39801: Agents 1 Feb 5000, Agents 1 Mar 5000, Cases 1 Jan 4901, Platform base 1 Apr 10000, Platform base 1 Mar 10000, plan 4900',
  ])
  await tenant.isRight()
})

test('two amounts that together are more than Stripe takes go on two invoices', async () => {
  await tenant.subscribes()
  await tenant.uses('case', 60_000)
  await tenant.uses('agent', 12_000)
  await tenant.to('2026-03-01T02:00')
  expect(await tenant.invoices()).toEqual([
    '2026-01-01T00:00 paid 14900: First base 10000, plan 4900',
    '2026-02-01T00:00 paid 99999999: Agents 1 Jan 60000000, Cases 1 Jan 39995099, plan 4900',
    '2026-03-01T00:00 paid 20029801: Cases 1 Jan 20004901, Platform base 1 Feb 10000, Platform base 1 Mar 10000, plan 4900',
  ])
  await tenant.isRight()
})
