import { expect, test } from 'vitest'
import { dueOf, type Order } from '../../src/pricing/due.ts'

const rates = {
  agent: { rate_cents: 5_000, per_units: 1 },
  user: { rate_cents: 1_500, per_units: 1 },
  case: { rate_cents: 200, per_units: 1 },
  event_ingestion: { rate_cents: 1, per_units: 1 },
  api_call: { rate_cents: 10, per_units: 1000 },
  platform_base: { rate_cents: 10_000, per_units: 1 },
}
const half = {
  code: 'HALF',
  coupon_id: 'HALF',
  promotion_code_id: null,
  percent_off_ppm: 500_000,
  amount_off_cents: null,
  duration_in_months: null,
}
const months = (duration_in_months: number) => ({
  ...half,
  duration: 'repeating' as const,
  duration_in_months,
})
const once = { ...half, duration: 'once' as const }
const forever = { ...half, duration: 'forever' as const }

const monthly: Order = {
  amount_cents: 4_900,
  currency: 'usd',
  billing_interval: 'month',
  interval_count: 1,
  discount: null,
}
const due = (order: Partial<Order>, trialDays = 0, startsAt = '2026-01-31T09:00:00.000Z') =>
  dueOf(
    { ...monthly, ...order },
    { card: { rates, currency: 'usd' }, trialDays, startsAt: new Date(startsAt) },
  )
/** Each run as `count × plan + base`. */
const runs = (...given: Parameters<typeof due>) =>
  due(...given).invoices.map(
    ({ count, plan_cents, platform_base_cents, total_cents }) =>
      `${count ?? 'all'} × ${plan_cents} + ${platform_base_cents} = ${total_cents}`,
  )

test('without a trial the plan and the platform base are due today, and each month after it', () => {
  expect(due({})).toMatchObject({ today_cents: 14_900, monthly_base_cents: 0 })
  expect(runs({})).toEqual(['all × 4900 + 10000 = 14900'])
})

test('with a trial nothing is due today, and the first invoice is like all', () => {
  expect(due({}, 14)).toMatchObject({ today_cents: 0, trial_days: 14, monthly_base_cents: 0 })
  expect(runs({}, 14)).toEqual(['all × 4900 + 10000 = 14900'])
})

test('a discount of one invoice is said of one invoice', () => {
  const oneOfMany = ['1 × 2450 + 10000 = 12450', 'all × 4900 + 10000 = 14900']
  expect(runs({ discount: once })).toEqual(oneOfMany)
  expect(runs({ discount: once }, 14)).toEqual(oneOfMany)
  expect(runs({ discount: forever })).toEqual(['all × 2450 + 10000 = 12450'])
})

test('the base is of a month: a longer plan has one of them on each invoice, the other months have their own', () => {
  for (const longer of [{ billing_interval: 'year' }, { interval_count: 3 }]) {
    expect(due(longer)).toMatchObject({ today_cents: 14_900, monthly_base_cents: 10_000 })
    expect(runs(longer)).toEqual(['all × 4900 + 10000 = 14900'])
  }
})

test('a plan of weeks or days has the first base with it, and those of later months apart', () => {
  for (const billing_interval of ['week', 'day']) {
    const shorter = { billing_interval }
    expect(due(shorter)).toMatchObject({ today_cents: 14_900, monthly_base_cents: 10_000 })
    expect(runs(shorter)).toEqual(['1 × 4900 + 10000 = 14900', 'all × 4900 + 0 = 4900'])
  }
})

test.each<[string, Partial<Order>, number, string[]]>([
  ['three months, monthly', { discount: months(3) }, 0, ['3 × 2450', 'all × 4900']],
  // The end of the third month is the fourth invoice's beginning, also where months are short.
  ['one month from the 31st', { discount: months(1) }, 0, ['1 × 2450', 'all × 4900']],
  [
    'three months, the trial of two weeks one of them',
    { discount: months(3) },
    14,
    ['3 × 2450', 'all × 4900'],
  ],
  ['one month, a trial as long', { discount: months(1) }, 31, ['all × 4900']],
  [
    'three months, a price of three',
    { discount: months(3), interval_count: 3 },
    0,
    ['1 × 2450', 'all × 4900'],
  ],
  ['three months, yearly', { discount: months(3), billing_interval: 'year' }, 0, ['1 × 2450', 'all × 4900']],
  [
    'one month, weekly',
    { discount: months(1), billing_interval: 'week' },
    0,
    ['1 × 2450', '3 × 2450', 'all × 4900'],
  ],
])('a discount of some months counts from the start: %s', (_, order, trialDays, expected) => {
  expect(runs(order, trialDays).map((run) => run.split(' +')[0])).toEqual(expected)
})

test('usage has its rates, and the base is none of them', () => {
  const { usage_rates } = due({})
  expect(usage_rates.map(({ usage_type }) => usage_type)).toEqual([
    'agent',
    'user',
    'case',
    'event_ingestion',
    'api_call',
  ])
  expect(usage_rates.at(-1)).toEqual({ usage_type: 'api_call', rate_cents: 10, per_units: 1000 })
})

test('amounts of two currencies are never added: what has no rate is not charged', () => {
  expect(due({ currency: 'eur' }, 14)).toMatchObject({
    currency: 'eur',
    invoices: [{ count: null, plan_cents: 4_900, platform_base_cents: 0, total_cents: 4_900 }],
    monthly_base_cents: 0,
    usage_rates: [],
  })
})
