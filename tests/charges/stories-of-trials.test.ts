import { afterEach, beforeEach, expect, test } from 'vitest'
import { type Months, openMonths } from '../support/months.ts'

let tenant: Months
beforeEach(async () => {
  tenant = await openMonths()
})
afterEach(() => tenant.close())

test('counts of a trial are charged once, on the first paid invoice; a level and the base are free in it', async () => {
  await tenant.subscribes('price_basic_monthly', { trial_period_days: 14 })
  await tenant.uses('agent', 10, { action: 'set' })
  await tenant.uses('case', 3)
  await tenant.to('2026-02-15T02:00')
  expect(await tenant.invoices()).toEqual([
    '2026-01-01T00:00 paid 0: plan 0',
    '2026-01-15T00:00 paid 17900: Cases 1 Jan 3000, Platform base 15 Jan 10000, plan 4900',
    '2026-02-15T00:00 paid 64900: Agents 15 Jan 50000, Platform base 15 Feb 10000, plan 4900',
  ])
  await tenant.isRight()
})

test('a trial that is cancelled owes nothing', async () => {
  await tenant.subscribes('price_basic_monthly', { trial_period_days: 14 })
  await tenant.uses('case', 3)
  await tenant.does('cancel')
  await tenant.to('2026-02-15T02:00')
  expect(await tenant.invoices()).toEqual(['2026-01-01T00:00 paid 0: plan 0'])
  const period = 'period_start=2026-01-01T00:00:00Z&period_end=2026-02-01T00:00:00Z'
  const { usage } = await tenant.ask('GET', `/billing/usage/tenant/${tenant.tenantId}/summary?${period}`)
  expect(usage).toContainEqual(
    expect.objectContaining({ usage_type: 'case', quantity: 3, forgiven: { amount_cents: 3000 } }),
  )
  await tenant.isRight()
})

test('a trial that is ended by hand pays its counts on an invoice of our own', async () => {
  const id = await tenant.subscribes('price_basic_monthly', { trial_period_days: 14 })
  await tenant.uses('case', 3)
  await tenant.to('2026-01-10T00:00')
  await tenant.stripe.subscriptions.update(id, { trial_end: 'now' })
  await tenant.to('2026-02-10T02:00')
  expect(await tenant.invoices()).toEqual([
    '2026-01-01T00:00 paid 0: plan 0',
    '2026-01-10T00:00 paid 4900: plan 4900',
    '2026-01-10T01:00 paid 13000: Cases 1 Jan 3000, Platform base 10 Jan 10000',
    '2026-02-10T00:00 paid 14900: Platform base 10 Feb 10000, plan 4900',
  ])
  await tenant.isRight()
})

test('a pause invoices what was used before it; what is used in it is free, and its months have no base', async () => {
  await tenant.subscribes()
  await tenant.uses('case', 3)
  await tenant.to('2026-01-10T00:00')
  await tenant.does('pause')
  await tenant.to('2026-01-20T00:00')
  await tenant.uses('case', 5)
  await tenant.to('2026-02-20T00:00')
  await tenant.does('resume')
  await tenant.uses('case', 1)
  await tenant.to('2026-03-01T02:00')
  expect(await tenant.invoices()).toEqual([
    '2026-01-01T00:00 paid 14900: First base 10000, plan 4900',
    '2026-01-10T00:00 paid 3000: Cases 1 Jan 3000',
    '2026-02-01T00:00 void 4900: plan 4900',
    '2026-03-01T00:00 paid 15900: Cases 1 Feb 1000, Platform base 1 Mar 10000, plan 4900',
  ])
  await tenant.isRight()
})
