import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { monthsOf } from '../../src/ops/tenant-months.ts'
import { eachDatabase, type TestDatabase } from '../support/databases.ts'
import { at, recordAll, tenant, usageRecorded } from '../support/facts.ts'
import { recordIncident } from '../support/incident.ts'
import { february, january, recordMonth } from '../support/month.ts'

describe.each(eachDatabase)('the months of a tenant on $name', ({ create }) => {
  let db: TestDatabase
  beforeAll(async () => {
    db = await create()
    await recordIncident(db)
    await recordMonth(db)
    // 200,000 cases at $10 each are more than one invoice takes.
    const many = usageRecorded('usg_many', 40 * 86_400, { quantity: 200_000 })
    await recordAll(db, [many], at(40 * 86_400))
  })
  afterAll(() => db.close())

  test('are told newest first, each with what it owes, what was charged, and on which invoice', async () => {
    const [open, closed] = await monthsOf(db.reader, tenant)
    expect(closed).toMatchObject({
      ...{ starts_at: january.start, ends_at: january.end, is_open: false, is_trial: false, currency: 'usd' },
      dues: [
        { usage_type: 'case', quantity: '3', due_cents: '3000', uncharged_cents: '0', state: 'priced' },
        { usage_type: 'api_call', quantity: '250000', due_cents: '2500', uncharged_cents: '0' },
      ],
      lines: [
        { usage_type: 'case', kind: 'item', invoice_id: 'in_january', amount_cents: 3000, refusal: null },
        { usage_type: 'api_call', invoice_id: 'in_january', amount_cents: 2500 },
      ],
    })
    expect(open).toMatchObject({ starts_at: february.start, is_open: true })
  })

  test('say of what so far is too much for one amount that it is held, and of a line that it was refused', async () => {
    const [open] = await monthsOf(db.reader, tenant)
    expect(open?.dues).toEqual([
      {
        ...{ usage_type: 'case', quantity: '200000', state: 'held' },
        ...{ due_cents: '200000000', uncharged_cents: '200000000' },
      },
      {
        ...{ usage_type: 'platform_base', quantity: '1', state: 'priced' },
        ...{ due_cents: '10000', uncharged_cents: '10000' },
      },
    ])
    expect(open?.lines).toMatchObject([{ line_id: 'line_base', refusal: 'invoice_not_editable' }])
  })
})
