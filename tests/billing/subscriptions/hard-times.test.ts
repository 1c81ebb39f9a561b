import { afterEach, beforeEach, expect, test } from 'vitest'
import { type Months, openMonths } from '../../support/months.ts'
import { previewedAndDone } from '../../support/previewed.ts'

/** Changes while nothing is collected, or while a payment fails: right, or refused with what to do, by the preview as by the change. */
let tenant: Months
let id: string
beforeEach(async () => {
  tenant = await openMonths()
  id = await tenant.subscribes()
})
afterEach(() => tenant.close())

const yearly = { price_id: 'price_basic_yearly' }
const better = { price_id: 'price_enterprise_monthly' }

/** What both answer, the same. */
async function refusal(verb: string, body: object) {
  const ask = (route: string, sent: object) =>
    tenant.service.request('POST', `/billing/subscriptions/${id}/${route}`, sent)
  const change = verb === 'change-plan' ? 'plan' : verb
  const [foretold, made] = [await ask('preview-change', { change, ...body }), await ask(verb, body)]
  expect([foretold.status, foretold.body.error.message]).toEqual([made.status, made.body.error.message])
  expect(made.headers.get('Retry-After')).toBeNull()
  return [made.status, made.body.error.code, made.body.error.message]
}

test('a paused subscription gets no period that nobody pays for', async () => {
  await tenant.to('2026-01-10T00:00')
  await tenant.does('pause')
  expect(await refusal('change-plan', yearly)).toEqual([
    409,
    'conflict',
    expect.stringMatching(/resume it first/),
  ])
  expect(await refusal('change-plan', { ...better, proration_behavior: 'always_invoice' })).toEqual([
    409,
    'conflict',
    expect.stringMatching(/resume it first/),
  ])
  await previewedAndDone(tenant, { change: 'resume' })
  await previewedAndDone(tenant, yearly)
  await tenant.to('2026-02-01T02:00')
  expect((await tenant.invoices()).at(-1)).toBe('2026-02-01T01:00 paid 10000: Platform base 1 Feb 10000')
  await tenant.isRight()
})

test('one that has ended is neither changed nor paused nor resumed, and ending it again is no change', async () => {
  await previewedAndDone(tenant, { change: 'cancel', at_period_end: false })
  for (const [verb, body] of [
    ['change-plan', better],
    ['pause', {}],
    ['resume', {}],
  ] as const)
    expect(await refusal(verb, body)).toEqual([409, 'conflict', expect.stringMatching(/has ended/)])
  expect(await previewedAndDone(tenant, { change: 'cancel', at_period_end: false })).toMatchObject({
    ...{ due_now: null, next_invoice: null, renews_at: null, ends_at: '2026-01-01T00:00:00.000Z' },
  })
})

test('while its payment fails: another plan is had where it is paid for, and the old invoice stays owed', async () => {
  await tenant.uses('case', 3)
  await tenant.pays('pm_card_chargeCustomerFail')
  await tenant.to('2026-02-10T00:00')
  const status = () => tenant.ask('GET', `/billing/status/tenant/${tenant.tenantId}`)
  expect(await status()).toMatchObject({
    subscription_status: 'past_due',
    outstanding_balance_cents: 17_900,
  })

  const declined = await tenant.service.request('POST', `/billing/subscriptions/${id}/change-plan`, yearly)
  expect([declined.status, declined.body.error.code]).toEqual([402, 'card_declined'])
  expect(await status()).toMatchObject({ outstanding_balance_cents: 17_900, is_delinquent: true })

  await tenant.pays('pm_card_visa')
  await previewedAndDone(tenant, better)
  const foretold = await previewedAndDone(tenant, yearly)
  expect(foretold.due_now?.total_cents).toBeGreaterThan(0)
  expect(await status()).toMatchObject({ outstanding_balance_cents: 17_900, is_delinquent: true })
  await tenant.to('2026-03-01T02:00')
  expect((await tenant.invoices()).at(-1)).toBe('2026-03-01T01:00 paid 10000: Platform base 1 Mar 10000')
  await tenant.isRight()
})
