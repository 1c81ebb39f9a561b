import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { changesMoreThan, reprice } from '../../src/ops/reprice.ts'
import { eachDatabase, type TestDatabase } from '../support/databases.ts'
import { at, otherTenant, recordAll, tenant, usageRecorded } from '../support/facts.ts'
import { recordIncident } from '../support/incident.ts'
import { january, recordMonth } from '../support/month.ts'

const day = 86_400
const dearerCases = { case: { rate_cents: 1200, per_units: 1 } }
const dearerBase = { platform_base: { rate_cents: 11_000, per_units: 1 } }

describe.each(eachDatabase)('reprice on $name', ({ create }) => {
  let db: TestDatabase
  beforeAll(async () => {
    db = await create()
    await recordIncident(db)
    await recordMonth(db)
    await recordAll(
      db,
      [
        usageRecorded('usg_february', 40 * day, { quantity: 2 }),
        // Of 1000 calls for 10 cents: 50 are half a cent, which is rounded up, once a month.
        usageRecorded('usg_calls', 41 * day, { usage_type: 'api_call', quantity: 50 }),
        { ...usageRecorded('usg_other', 70, { quantity: 5 }), tenant_id: otherTenant },
      ],
      at(42 * day),
    )
  })
  afterAll(() => db.close())

  const repriced = (more: Partial<Parameters<typeof reprice>[1]>) =>
    reprice(db, { rates: {}, plans: {}, ...more })
  /** January's base was never due, February's is, and was refused; March's is on the next invoice. */
  const nextCents = 4900 + 10_000 + 10_000 + 2000 + 1

  test('says what months owe by both cards, and what the next invoice would be, per tenant and in total', async () => {
    const report = await repriced({ rates: dearerCases })
    const usage = { old_cents: 5500 + 2001, new_cents: 6100 + 2401, delta_cents: 1000 }
    const sums = {
      ...{ old_cents: usage.old_cents + 10_000, new_cents: usage.new_cents + 10_000 },
      ...{ delta_cents: 1000, percent: 5.71 },
      usage_cents: { ...usage, percent: 13.33 },
      platform_base_cents: { old_cents: 10_000, new_cents: 10_000, delta_cents: 0, percent: 0 },
      // What January owes is charged at January's price.
      next_invoice_cents: {
        old_cents: nextCents,
        new_cents: nextCents + 400,
        delta_cents: 400,
        percent: 1.49,
      },
    }
    expect(report).toMatchObject({ currency: 'usd', from: null, to: null, rates: dearerCases, plans: {} })
    expect(report.tenants).toEqual([{ tenant_id: tenant, ...sums }])
    expect(report.total).toEqual(sums)
  })

  test('a base that was due at its month’s start keeps its price; the next one has the new one', async () => {
    const { total } = await repriced({ rates: dearerBase })
    expect(total.platform_base_cents).toMatchObject({ delta_cents: 1000 })
    expect(total.next_invoice_cents).toMatchObject({ old_cents: nextCents, delta_cents: 1000 })
  })

  test('a plan’s other price is on the next invoice, and on nothing that months owe', async () => {
    const { total } = await repriced({ plans: { price_basic_monthly: 5900 } })
    expect(total).toMatchObject({ delta_cents: 0, next_invoice_cents: { delta_cents: 1000 } })
    await expect(repriced({ plans: { price_baisc: 5900 } })).rejects.toThrow(
      'no plan has the price price_baisc',
    )
  })

  test('counts the months that the half-open time touches, as wholes', async () => {
    const within = async (from: string | undefined, to: string | undefined) =>
      (await repriced({ rates: dearerCases, from, to })).total
    expect(await within(at(20), at(31))).toMatchObject({ old_cents: 5500, new_cents: 6100 })
    expect(await within(undefined, january.end)).toMatchObject({ old_cents: 5500 })
    expect(await within(january.end, undefined)).toMatchObject({ old_cents: 12_001, new_cents: 12_401 })
    expect(await within(at(90 * day), undefined)).toMatchObject({ old_cents: 0, percent: 0 })
  })

  test('a change above the limit is seen in the total, in a tenant, in a next invoice, and from nothing', async () => {
    const report = await repriced({ rates: dearerCases })
    expect(changesMoreThan(report, 5.71)).toBe(false)
    expect(changesMoreThan(report, 5.7)).toBe(true)
    expect(changesMoreThan({ ...report, tenants: [] }, 5.7)).toBe(true)
    expect(changesMoreThan({ ...report, total: { ...report.total, percent: null } }, 1000)).toBe(true)
    const plans = await repriced({ plans: { price_basic_monthly: 5900 } })
    expect([changesMoreThan(plans, 3.7), changesMoreThan(plans, 3.8)]).toEqual([true, false])
  })

  test('prices that are those in force change nothing', async () => {
    const same = { rates: { case: { rate_cents: 2000, per_units: 2 } }, plans: { price_basic_monthly: 4900 } }
    const { total } = await repriced(same)
    expect(total).toMatchObject({ delta_cents: 0, next_invoice_cents: { delta_cents: 0 } })
  })
})
