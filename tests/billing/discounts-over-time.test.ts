import type Stripe from 'stripe'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { keysOf } from '../../src/db/keys-of.ts'
import type { Due } from '../../src/pricing/due.ts'
import { verifyTables } from '../../src/projections/replay.ts'
import { type Service, startService } from '../support/service.ts'
import { settled, wizard } from '../support/wizard.ts'

/** What a discount takes off, invoice by invoice: what is promised, what the status says before each, and what Stripe charges. */

// February has four weeks, so that a week's renewal falls on the end of the month.
const start = new Date('2026-02-01T00:00:00Z')
const hour = 3600
const third = { percent_off: 33.33 }
const ten = { amount_off: 1000, currency: 'usd' }
const all = { amount_off: 99_999_999, currency: 'usd' }
const months = { duration: 'repeating', duration_in_months: 3 }
const codes = {
  THIRDONCE: { ...third, duration: 'once' },
  THIRDMONTHS: { ...third, ...months },
  THIRDEVER: { ...third, duration: 'forever' },
  TENONCE: { ...ten, duration: 'once' },
  TENMONTHS: { ...ten, ...months },
  TENEVER: { ...ten, duration: 'forever' },
  ALLONCE: { ...all, duration: 'once' },
  ALLMONTHS: { ...all, ...months },
}
const periods = {
  week: { recurring: { interval: 'week' }, unit_amount: 1299 },
  month: { recurring: { interval: 'month' }, unit_amount: 4900 },
  quarter: { recurring: { interval: 'month', interval_count: 3 }, unit_amount: 13_905 },
  year: { recurring: { interval: 'year' }, unit_amount: 49_001 },
} as const
const orders: readonly (readonly [keyof typeof periods, (keyof typeof codes)[]])[] = [
  ['week', ['THIRDONCE', 'THIRDMONTHS', 'TENEVER', 'ALLMONTHS']],
  ['month', keysOf(codes)],
  ['quarter', ['THIRDMONTHS', 'TENONCE']],
  ['year', ['THIRDMONTHS', 'TENEVER']],
]
const cases = orders.flatMap(([period, named]) => named.map((code) => [period, code] as const))
type Tenant = { name: string; tenantId: string; customer: string; priceId: string; selected: Selected }
type Selected = {
  amount_cents: number
  amount_after_discount_cents: number
  discount_cents: number
  due: Due
}

describe.each([
  ['0', 3],
  ['14', 3],
])('with %s days of trial', (trialDays, windows) => {
  let service: Service
  const tenants: Tenant[] = []
  beforeAll(async () => {
    service = await startService({
      webhooks: true,
      clock: { nowMs: start.getTime() },
      environment: { BILLING_TRIAL_PERIOD_DAYS: trialDays },
    })
    for (const [code, terms] of Object.entries(codes))
      expect(await service.request('POST', '/billing/discounts', { code, ...terms })).toMatchObject({
        status: 200,
      })
  })
  afterAll(() => service.close())

  test.each(cases)(
    'a price each %s with the code %s: the promise is what is charged first',
    async (period, code) => {
      const { id: price_id } = await service.stripe.prices.create({
        ...{ product: 'prod_basic', currency: 'usd', ...periods[period] },
      })
      const choice = { plan_id: 'basic', price_id, discount_code: code }
      const tenant = wizard(service, { choice })
      await tenant.to('confirmCard')
      const question = { session_id: tenant.of.sessionId, ...choice }
      const preview = await service.request('POST', '/onboarding/step/preview-plan', question)
      const { status, body } = await tenant.selectPlan()
      expect(status).toBe(200)
      const selected: Selected = body.data
      expect(preview.body.data).toMatchObject({
        amount_after_discount_cents: selected.amount_after_discount_cents,
        due: selected.due,
      })
      await tenant.createSubscription()
      await settled(service)
      const { tenantId, customerId: customer } = tenant.of
      tenants.push({ name: `${period} ${code}`, tenantId, customer, priceId: price_id, selected })

      expect(selected.amount_after_discount_cents).toBe(selected.due.invoices[0]?.plan_cents)
      const [first] = await invoicesOf(service.stripe, customer)
      expect(first?.total).toBe(selected.due.today_cents)
    },
  )

  test('before each month’s end the status says what its invoice is, and each renewal is as promised', async () => {
    expect(tenants).toHaveLength(cases.length)
    const anchor = start.getTime() + Number(trialDays) * 86_400_000
    const wrong: string[] = []
    for (let month = trialDays === '0' ? 1 : 0; month <= windows; month += 1) {
      const at = new Date(anchor)
      at.setUTCMonth(at.getUTCMonth() + month)
      const end = at.getTime() / 1000
      await service.sandbox.clock.advanceTo(end - hour)
      const said = new Map<string, number | null>()
      for (const { tenantId } of tenants) {
        const { body } = await service.request('GET', `/billing/status/tenant/${tenantId}`)
        said.set(tenantId, body.next_invoice_amount_cents)
      }
      await service.sandbox.clock.advanceTo(end + 2 * hour)
      for (const { name, tenantId, customer } of tenants) {
        const made = (await invoicesOf(service.stripe, customer)).filter(({ created }) => created >= end)
        const total = made[0]?.total
        if (made.length !== 1 || total !== said.get(tenantId))
          wrong.push(
            `${name} ${at.toISOString()}: said ${said.get(tenantId)}, made ${made.map((i) => i.total)}`,
          )
      }
    }
    for (const { name, customer, priceId, selected } of tenants) {
      const charged = (await invoicesOf(service.stripe, customer)).flatMap((invoice) =>
        planCents(invoice, priceId),
      )
      const promised = charged.map((_, index) => planPromised(selected.due, index))
      if (charged.join() !== promised.join()) wrong.push(`${name}: promised ${promised}, charged ${charged}`)
    }
    expect(wrong).toEqual([])
    expect(await verifyTables(service.context.db)).toMatchObject({ ok: true })
  }, 120_000)
})

/** Oldest first. */
async function invoicesOf(stripe: Stripe, customer: string): Promise<Stripe.Invoice[]> {
  const { data } = await stripe.invoices.list({ customer, limit: 100 })
  return data.reverse()
}

/** Of the line of a paid period: after its discounts. */
const planCents = ({ lines }: Stripe.Invoice, priceId: string) =>
  lines.data
    .filter(({ amount, pricing }) => amount > 0 && pricing?.price_details?.price === priceId)
    .map(({ amount, discount_amounts }) =>
      (discount_amounts ?? []).reduce((left, discount) => left - discount.amount, amount),
    )

function planPromised({ invoices }: Due, index: number): number | undefined {
  let before = 0
  return invoices.find(({ count }) => {
    before += count ?? Number.POSITIVE_INFINITY
    return index < before
  })?.plan_cents
}
