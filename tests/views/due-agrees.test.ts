import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Due } from '../../src/pricing/due.ts'
import { type Service, startService } from '../support/service.ts'
import { type PlanChoice, settled, wizard } from '../support/wizard.ts'

/** What is promised when a plan is selected is what the status says right after, and what Stripe then charges. */

const startMs = Date.parse('2026-11-02T09:00:00.000Z')
const trial: Record<string, Service> = {}
/** Of those who renew first. */
const promised: { days: string; tenantId: string; total_cents: number | undefined }[] = []
beforeAll(async () => {
  for (const days of ['0', '14'])
    trial[days] = await startService({
      webhooks: true,
      clock: { nowMs: startMs },
      environment: { BILLING_TRIAL_PERIOD_DAYS: days },
    })
})
afterAll(async () => {
  for (const service of Object.values(trial)) await service.close()
})

const discounts = {
  FOREVER25: { percent_off: 25, duration: 'forever' },
  THREE10: { amount_off: 1000, currency: 'usd', duration: 'repeating', duration_in_months: 3 },
}

test.each(
  ['0', '14'].flatMap((days) =>
    [undefined, 'LAUNCH50', 'FOREVER25', 'THREE10'].flatMap((code) =>
      ['month', 'year', 'quarter'].map((period) => [days, code, period] as const),
    ),
  ),
)('with %s days of trial, the code %s and a price each %s', async (days, code, period) => {
  const service = trial[days] as Service
  if (code !== undefined && code in discounts)
    await service.request('POST', '/billing/discounts', {
      code,
      ...discounts[code as keyof typeof discounts],
    })
  const quarterly = async () =>
    (
      await service.stripe.prices.create({
        product: 'prod_basic',
        currency: 'usd',
        unit_amount: 13_500,
        recurring: { interval: 'month', interval_count: 3 },
      })
    ).id
  const choice: PlanChoice = {
    plan_id: 'basic',
    price_id: period === 'quarter' ? await quarterly() : `price_basic_${period}ly`,
    ...(code !== undefined && { discount_code: code }),
  }
  const tenant = wizard(service, { choice })
  await tenant.to('confirmCard')
  const selected = await tenant.selectPlan()
  expect(selected.status).toBe(200)
  const { due } = selected.body.data as { due: Due }
  expect(due.interval_count).toBe(period === 'quarter' ? 3 : 1)
  await tenant.createSubscription()
  await settled(service)

  const [first, second] = due.invoices
  const ofPlan = days === '0' && first?.count === 1 ? second : first
  // Where the plan is longer than a month, the next invoice is of a month's base alone.
  const isOfBase = days === '0' && due.monthly_base_cents > 0
  const nextCents = isOfBase ? due.monthly_base_cents : ofPlan?.total_cents
  const status = await service.request('GET', `/billing/status/tenant/${tenant.of.tenantId}`)
  expect(status.body.next_invoice_amount_cents).toBe(nextCents)
  if (days === '14' || period === 'month')
    promised.push({ days, tenantId: tenant.of.tenantId, total_cents: nextCents })
  const invoices = await service.request('GET', `/billing/invoices/tenant/${tenant.of.tenantId}`)
  expect(invoices.body.data.items).toMatchObject([{ total_cents: due.today_cents, status: 'paid' }])
})

test.each([
  ['0', 30],
  ['14', 14],
])(
  'with %s days of trial, the renewal after %i days charges what was said',
  async (days, after) => {
    const service = trial[days] as Service
    await service.sandbox.clock.advanceTo(startMs / 1000 + after * 86_400 + 3600)
    const ofThese = promised.filter((each) => each.days === days)
    expect(ofThese.length).toBeGreaterThanOrEqual(4)
    for (const { tenantId, total_cents } of ofThese) {
      const { body } = await service.request('GET', `/billing/invoices/tenant/${tenantId}`)
      expect(body.data.items[0]).toMatchObject({
        billing_reason: 'subscription_cycle',
        status: 'paid',
        total_cents,
      })
    }
  },
  60_000,
)

test('the plans on offer say what each price will be charged', async () => {
  const { body } = await (trial['0'] as Service).request('GET', '/billing/plans')
  expect(body.data.items[0].prices[0]).toMatchObject({
    price_id: 'price_basic_monthly',
    due: {
      today_cents: 14_900,
      invoices: [{ count: null, plan_cents: 4_900, platform_base_cents: 10_000, total_cents: 14_900 }],
    },
  })
})
