import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { changesMoreThan, reprice } from '../../src/ops/reprice.ts'
import { eachDatabase, type TestDatabase } from '../support/databases.ts'
import { at, otherTenant, recordAll, stripeEvent, tenant, usageRecorded } from '../support/facts.ts'
import { invoice, recordIncident } from '../support/incident.ts'

describe.each(eachDatabase)('reprice on $name', ({ create }) => {
  let db: TestDatabase
  beforeAll(async () => {
    db = await create()
    await recordIncident(db)
    await recordAll(
      db,
      [
        // Of 1000 calls for 10 cents: 50 are half a cent, which is rounded up on each line.
        {
          ...usageRecorded('usg_late', 32 * 86_400, { usage_type: 'api_call', quantity: 50 }),
          fact_id: 'late',
        },
        { ...usageRecorded('usg_other', 70, { quantity: 5 }), tenant_id: otherTenant },
        stripeEvent('invoice.paid', 'invoice', invoice('paid', 20_400), 31 * 86_400 + 1),
      ],
      at(90),
    )
  })
  afterAll(() => db.close())

  const options = { now: new Date(at(90)) }
  const threeCents = { case: { rate_cents: 1200, per_units: 1 } }

  test('prices usage and base by both cards, per tenant and in total', async () => {
    const report = await reprice(db, { ...options, rates: threeCents })
    expect(report).toMatchObject({ currency: 'usd', from: null, to: null })
    expect(report.tenants).toEqual([
      {
        tenant_id: otherTenant,
        old_cents: 5000,
        new_cents: 6000,
        delta_cents: 1000,
        percent: 20,
        usage_cents: expect.objectContaining({ delta_cents: 1000 }),
        platform_base_cents: { old_cents: 0, new_cents: 0, delta_cents: 0, percent: 0 },
      },
      {
        tenant_id: tenant,
        // Billed: 3 cases, 250,000 calls; not billed: 50 calls; base: the paid invoice's and the next one's.
        old_cents: 3000 + 2500 + 1 + 20_000,
        new_cents: 3600 + 2500 + 1 + 20_000,
        delta_cents: 600,
        percent: 2.35,
        usage_cents: expect.objectContaining({ old_cents: 5501, new_cents: 6101 }),
        platform_base_cents: expect.objectContaining({ old_cents: 20_000, percent: 0 }),
      },
    ])
    expect(report.total).toMatchObject({ old_cents: 30_501, new_cents: 32_101, delta_cents: 1600 })
  })

  test('counts what occurred, was invoiced or falls due in the half-open time', async () => {
    const within = (from: string | undefined, to: string | undefined) =>
      reprice(db, {
        ...options,
        rates: { platform_base: { rate_cents: 0, per_units: 1 } },
        tenantId: tenant,
        from,
        to,
      })
    expect((await within(at(20), at(31))).tenants).toMatchObject([{ old_cents: 3000, new_cents: 3000 }])
    expect((await within(at(30), at(40))).total).toMatchObject({ old_cents: 1000, percent: 0 })
    const period = await within(at(31 * 86_400), at(31 * 86_400 + 1))
    expect(period.total).toMatchObject({ old_cents: 20_000, new_cents: 0, percent: -100 })
    expect((await within(at(90 * 86_400), undefined)).tenants).toEqual([])
  })

  test('a change above the limit is seen in the total, in a tenant, and from nothing', async () => {
    const report = await reprice(db, { ...options, rates: threeCents })
    expect(changesMoreThan(report, 20)).toBe(false)
    expect(changesMoreThan(report, 19.9)).toBe(true)
    expect(changesMoreThan({ ...report, tenants: [] }, 5.2)).toBe(true)
    expect(changesMoreThan({ ...report, total: { ...report.total, percent: null } }, 1000)).toBe(true)
  })

  test('rates that are those in force change nothing', async () => {
    const same = await reprice(db, { ...options, rates: { case: { rate_cents: 2000, per_units: 2 } } })
    expect(same.total.delta_cents).toBe(0)
  })
})
