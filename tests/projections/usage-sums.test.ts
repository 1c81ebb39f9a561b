import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { replay, verifyTables } from '../../src/projections/replay.ts'
import { eachDatabase, type TestDatabase } from '../support/databases.ts'
import { newFact, otherTenant, recordAll, tenant, usageRecorded } from '../support/facts.ts'

describe.each(eachDatabase)('the sums of usage on $name', ({ create }) => {
  let db: TestDatabase
  beforeEach(async () => {
    db = await create()
  })
  afterEach(() => db.close())

  const minute = 60
  const hour = 3600
  const voided = (record_id: string) => newFact('usage.voided', { record_id, personal: { reason: null } })
  const sums = async () => {
    const rows = await db.reader.selectFrom('billing_usage_sums').selectAll().orderBy('sum_id').execute()
    return rows
      .filter(({ tenant_id }) => tenant_id === tenant)
      .map(({ usage_type, scale, starts_at, quantity }) =>
        [usage_type, scale, starts_at.slice(11, 16), quantity].join(' '),
      )
  }

  test('are of the minute and the hour in which it occurred, per type and tenant, of increments alone', async () => {
    const stranger = { ...usageRecorded('other', 0, { quantity: 99 }), tenant_id: otherTenant }
    await recordAll(db, [
      usageRecorded('a', 0, { quantity: 1 }),
      usageRecorded('b', minute - 0.001, { quantity: 2 }),
      usageRecorded('c', minute, { quantity: 4 }),
      usageRecorded('d', hour - 0.001, { quantity: 8 }),
      usageRecorded('e', hour, { quantity: 16 }),
      usageRecorded('f', 0, { quantity: 32, usage_type: 'agent' }),
      usageRecorded('g', 0, { quantity: 64, action: 'set' }),
      stranger,
    ])
    expect(await sums()).toEqual([
      'agent hour 00:00 32',
      'agent minute 00:00 32',
      'case hour 00:00 15',
      'case hour 01:00 16',
      'case minute 00:00 3',
      'case minute 00:01 4',
      'case minute 00:59 8',
      'case minute 01:00 16',
    ])
  })

  test('lose what is voided, once, and stay where nothing is left', async () => {
    await recordAll(db, [
      usageRecorded('a', 0, { quantity: 5 }),
      usageRecorded('b', minute, { quantity: 7 }),
      usageRecorded('c', 0, { quantity: 9, action: 'set' }),
    ])
    await recordAll(db, [voided('a'), voided('a'), voided('c'), voided('nobody')])
    expect(await sums()).toEqual(['case hour 00:00 7', 'case minute 00:00 0', 'case minute 00:01 7'])
    const theirs = { ...voided('b'), tenant_id: otherTenant }
    await recordAll(db, [theirs, voided('b'), usageRecorded('d', 0, { quantity: 1 })])
    expect(await sums()).toEqual(['case hour 00:00 1', 'case minute 00:00 1', 'case minute 00:01 0'])
  })

  test('are exact beyond 2^53, and a replay gives the same bytes', async () => {
    const most = Number.MAX_SAFE_INTEGER
    await recordAll(db, [
      usageRecorded('a', 0, { quantity: most }),
      usageRecorded('b', 1, { quantity: most }),
      usageRecorded('c', 2, { quantity: 3 }),
      voided('c'),
    ])
    const exact = String(2n * BigInt(most))
    expect(await sums()).toEqual([`case hour 00:00 ${exact}`, `case minute 00:00 ${exact}`])
    const { tables } = await verifyTables(db)
    await db.reader.deleteFrom('billing_usage_sums').where('scale', '=', 'hour').execute()
    await db.reader.updateTable('billing_usage_sums').set({ quantity: '1' }).execute()
    expect(await replay(db)).toMatchObject({ ok: true, mended_count: 2, tables })
    expect(await sums()).toEqual([`case hour 00:00 ${exact}`, `case minute 00:00 ${exact}`])
  })
})
