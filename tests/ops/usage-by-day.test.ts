import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { usageByDay } from '../../src/ops/usage-by-day.ts'
import { eachDatabase, type TestDatabase } from '../support/databases.ts'
import { at, newFact, recordAll, tenant, usageRecorded } from '../support/facts.ts'

const day = 86_400
const set = { action: 'set' } as const

describe.each(eachDatabase)('usage by day on $name', ({ create }) => {
  let db: TestDatabase
  beforeAll(async () => {
    db = await create()
    await recordAll(db, [
      usageRecorded('old', day, { quantity: 100 }),
      usageRecorded('level', 2 * day, { usage_type: 'agent', quantity: 5, ...set }),
      usageRecorded('a', 40 * day, { quantity: 2 }),
      usageRecorded('b', 40 * day + 7200, { quantity: 3 }),
      usageRecorded('c', 41 * day - 1, { quantity: 4 }),
      usageRecorded('wrong', 41 * day + 9, { quantity: 900 }),
      newFact('usage.voided', { record_id: 'wrong', personal: { reason: null } }),
      usageRecorded('replaced', 42 * day, { quantity: 50 }),
      usageRecorded('set', 42 * day + 60, { quantity: 7, ...set }),
      usageRecorded('after', 42 * day + 90, { quantity: 1 }),
      usageRecorded('lower', 42 * day, { usage_type: 'agent', quantity: 3, ...set }),
      usageRecorded('more', 42 * day + 5, { usage_type: 'agent', quantity: 1 }),
      usageRecorded('untouched', 42 * day, { usage_type: 'user', quantity: 2 }),
    ])
  })
  afterAll(() => db.close())

  const shown = async (type: string) => {
    const days = await usageByDay(db.reader, tenant, new Date(at(42 * day + 3600)))
    return days
      .filter(({ usage_type }) => usage_type === type)
      .map(({ day, quantity }) => [day.slice(5), quantity])
  }

  test('counts add up by day, without what is voided or was replaced by a set', async () => {
    expect(await shown('case')).toEqual([
      ['02-10', '9'],
      ['02-12', '8'],
    ])
  })

  test('a level stands on every day, and what was added on top of it on its own', async () => {
    const agents = await shown('agent')
    expect(agents).toHaveLength(36)
    // At the millisecond of midnight it falls: that day it was never more.
    expect(agents.slice(-2)).toEqual([
      ['02-11', '5'],
      ['02-12', '4'],
    ])
    expect(await shown('user')).toEqual([['02-12', '2']])
  })
})
