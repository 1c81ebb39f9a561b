import type Stripe from 'stripe'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type Months, openMonths } from '../support/months.ts'
import { settled } from '../support/wizard.ts'

/** Of a subscription with discounts a change of plan is foretold to the cent: by the preview, by the status after it, by Stripe. */

let tenant: Months
let subscription: string
beforeEach(async () => {
  tenant = await openMonths()
  subscription = await tenant.subscribes('price_basic_monthly')
  await tenant.to('2026-01-11T00:00')
})
afterEach(() => tenant.close())

const usd = { currency: 'usd' } as const
const coupons = {
  third: { percent_off: 33.33, duration: 'forever' },
  ten: { amount_off: 1000, ...usd, duration: 'forever' },
  tenOnce: { amount_off: 1000, ...usd, duration: 'once' },
  enterpriseOnly: { percent_off: 50, duration: 'forever', applies_to: { products: ['prod_enterprise'] } },
  basicOnly: { percent_off: 50, duration: 'forever', applies_to: { products: ['prod_basic'] } },
} satisfies Record<string, Stripe.CouponCreateParams>
const names = Object.keys(coupons) as (keyof typeof coupons)[]

test.each(
  (['create_prorations', 'always_invoice'] as const).flatMap((behavior) =>
    names.map((name) => [behavior, name] as const),
  ),
)('prorated by %s, with the coupon %s and a charge that waits', async (proration_behavior, name) => {
  const { id: coupon } = await tenant.stripe.coupons.create(coupons[name])
  await tenant.stripe.subscriptions.update(subscription, { discounts: [{ coupon }] })
  const item = { customer: tenant.customerId, subscription, ...usd }
  for (const amount of [701, -250]) await tenant.stripe.invoiceItems.create({ ...item, amount })
  await settled(tenant.service)

  const path = `/billing/subscriptions/${subscription}`
  const change = { price_id: 'price_enterprise_monthly', proration_behavior }
  const { due_now, next_invoice } = await tenant.ask('POST', `${path}/preview-change`, change)
  await tenant.does('change-plan', change)
  const [latest] = (await tenant.stripe.invoices.list({ customer: tenant.customerId })).data
  if (due_now !== null) expect(due_now.total_cents).toBe(latest?.total)
  expect(await tenant.nextCents()).toBe(next_invoice.total_cents)
  await tenant.to('2026-02-01T02:00')
  const [renewal] = (await tenant.stripe.invoices.list({ customer: tenant.customerId })).data
  expect(renewal?.total).toBe(next_invoice.total_cents)
})
