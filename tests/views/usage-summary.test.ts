import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { ensureRateCard } from '../../src/usage/ensure-rate-card.ts'
import { eachDatabase } from '../support/databases.ts'
import { type TestApp, testApp } from '../support/test-app.ts'

describe.each(eachDatabase)('on $name', ({ create }) => {
  let t: TestApp
  beforeEach(async () => {
    t = await testApp({ database: create })
  })
  afterEach(() => t.close())

  const record = async (more: Record<string, unknown>) => {
    const usage = { tenant_id: 'tenant_a', usage_type: 'case', quantity: 1, ...more }
    const { status, body } = await t.post('/api/v1/billing/usage', usage)
    expect(status).toBe(200)
    return body.data.record_id as string
  }
  const march = { period_start: '2026-03-01T00:00:00Z', period_end: '2026-04-01T00:00:00Z' }
  const summary = async (query: Record<string, string> = march, key?: string) => {
    const path = `/api/v1/billing/usage/tenant/tenant_a/summary?${new URLSearchParams(query)}`
    return t.get(path, key === undefined ? {} : { key })
  }
  const lineOf = async (usageType: string) =>
    (await summary()).body.data.usage.find(
      ({ usage_type }: { usage_type: string }) => usage_type === usageType,
    )

  describe('the summary of a period', () => {
    test('has every type with its rate and exact sums, and the totals', async () => {
      await record({ usage_type: 'agent', quantity: 3 })
      await record({ usage_type: 'api_call', quantity: 1500 })
      await record({ usage_type: 'api_call', quantity: 549 })
      const { status, body } = await summary()
      expect(status).toBe(200)
      expect(body.data).toMatchObject({
        tenant_id: 'tenant_a',
        period_start: '2026-03-01T00:00:00.000Z',
        period_end: '2026-04-01T00:00:00.000Z',
        currency: 'usd',
        totals: { amount_cents: 15020, billed_amount_cents: 0, unbilled_amount_cents: 15020 },
      })
      expect(body.data.usage).toEqual([
        line('agent', 3, 5000, 1, 15000),
        line('user', 0, 2500, 1, 0),
        line('case', 0, 1000, 1, 0),
        line('event_ingestion', 0, 1, 1, 0),
        line('api_call', 2049, 10, 1000, 20),
        line('platform_base', 0, 10000, 1, 0),
      ])
    })

    test('is half-open: the start is in it, the end is not', async () => {
      await record({ quantity: 1, occurred_at: '2026-03-01T00:00:00.000Z' })
      await record({ quantity: 10, occurred_at: '2026-03-10T00:00:00.000Z' })
      const period = { period_start: '2026-03-01T00:00:00Z', period_end: '2026-03-10T00:00:00Z' }
      expect((await summary(period)).body.data.totals.amount_cents).toBe(1000)
    })

    test('is of this month when the query names none', async () => {
      const { body } = await summary({})
      expect([body.data.period_start, body.data.period_end]).toEqual([
        '2026-03-01T00:00:00.000Z',
        '2026-04-01T00:00:00.000Z',
      ])
    })

    test('leaves out what was voided, and lets a set replace what came before it', async () => {
      await record({ quantity: 100, occurred_at: '2026-03-02T00:00:00.000Z' })
      await record({ quantity: 5, action: 'set', occurred_at: '2026-03-03T00:00:00.000Z' })
      await record({ quantity: 2, occurred_at: '2026-03-04T00:00:00.000Z' })
      expect(await lineOf('case')).toMatchObject({ quantity: 7, amount_cents: 7000 })
      const mistaken = await record({
        quantity: 1000,
        action: 'set',
        occurred_at: '2026-03-05T00:00:00.000Z',
      })
      expect(await lineOf('case')).toMatchObject({ quantity: 1000 })
      await t.post(`/api/v1/billing/usage/${mistaken}/void`)
      expect(await lineOf('case')).toMatchObject({ quantity: 7 })
    })

    test('prices usage by the card in force when it occurred, and shows the rate of now', async () => {
      await record({ quantity: 1, occurred_at: '2026-03-02T00:00:00.000Z' })
      t.clock.now = new Date('2026-03-16T00:00:00.000Z')
      const dearer = { ...t.config, rates: { ...t.config.rates, case: 3000 } }
      await ensureRateCard(t.context, dearer)
      await record({ quantity: 1 })
      expect(await lineOf('case')).toMatchObject({ quantity: 2, unit_rate_cents: 3000, amount_cents: 4000 })
    })

    test('refuses an end that is not after the start, and what is no time', async () => {
      const empty = await summary({ ...march, period_end: march.period_start })
      expect([empty.status, empty.body.error.details.fields[0].path]).toEqual([422, 'period_end'])
      const { status, body } = await summary({ period_start: 'March' })
      expect([status, body.error.details.fields[0].path]).toEqual([422, 'period_start'])
    })

    test("of an unknown tenant, and of another tenant's for a tenant's key, is 404", async () => {
      expect((await t.get('/api/v1/billing/usage/tenant/nobody/summary')).status).toBe(404)
      expect((await summary(march, t.keys.b)).status).toBe(404)
      expect((await summary(march, t.keys.a)).status).toBe(200)
    })
  })

  const line = (
    usage_type: string,
    quantity: number,
    unit_rate_cents: number,
    per_units: number,
    amount_cents: number,
  ) => ({
    usage_type,
    quantity,
    unit_rate_cents,
    per_units,
    amount_cents,
    billed: { amount_cents: 0 },
    unbilled: { amount_cents },
    forgiven: { amount_cents: 0 },
  })
})
