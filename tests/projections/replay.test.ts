import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { openDatabase } from '../../src/db/database.ts'
import { buildPast, ImpossiblePast } from '../../src/ops/past.ts'
import { verify } from '../../src/ops/verify.ts'
import { replay, verifyTables } from '../../src/projections/replay.ts'
import { eachDatabase, type TestDatabase, testKeys } from '../support/databases.ts'
import { at, epoch, otherTenant, recordAll, stripeEvent, tenant, usageRecorded } from '../support/facts.ts'
import { histories } from '../support/histories.ts'
import { projectedRows } from '../support/rows.ts'

const customerOf = (tenantId: string, id: string, email = `${id}@example.com`) =>
  stripeEvent('customer.created', 'customer', { id, created: epoch, email }, 1, { tenantId })

describe.each(eachDatabase)('a replay on $name', ({ create }) => {
  let db: TestDatabase
  let directory: string
  beforeEach(async () => {
    db = await create()
    directory = await mkdtemp(join(tmpdir(), 'stepledger-past-'))
    await recordAll(db, [
      customerOf(tenant, 'cus_1'),
      customerOf(otherTenant, 'cus_2'),
      usageRecorded('usg_1', 2),
    ])
  })
  afterEach(async () => {
    await db.close()
    await rm(directory, { recursive: true, force: true })
  })

  const setEmail = (id: string, email: string) =>
    db.transact((trx) =>
      trx.updateTable('billing_customers').set({ email }).where('customer_id', '=', id).execute(),
    )
  const emails = async () => {
    const rows = await db.reader.selectFrom('billing_customers').selectAll().orderBy('customer_id').execute()
    return rows.map(({ email }) => email)
  }

  test('of a history leaves every row as it was', async () => {
    const [history] = fc.sample(histories, { numRuns: 1, seed: 7 })
    await recordAll(db, [...(history?.usage ?? []), ...(history?.sightings ?? [])])
    const rows = await projectedRows(db.reader)
    const report = await replay(db)
    expect(report).toMatchObject({ ok: true, drift: [], mended: [] })
    expect(report.tables.billing_customers).toEqual({
      rows: 2,
      sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
    })
    expect(await projectedRows(db.reader)).toEqual(rows)
    expect((await verifyTables(db)).tables).toEqual(report.tables)
    expect(await verify(db)).toMatchObject({ ok: true, faults: [], facts: report.facts })
  })

  test('finds a value that was changed by hand when it verifies, and changes nothing', async () => {
    await setEmail('cus_1', 'mallory@example.com')
    const { ok, drift } = await verifyTables(db)
    expect(ok).toBe(false)
    expect(drift).toEqual([
      {
        table: 'billing_customers',
        key: 'cus_1',
        column: 'email',
        expected: 'cus_1@example.com',
        actual: 'mallory@example.com',
      },
    ])
    expect((await verify(db)).faults).toMatchObject([{ kind: 'drift' }])
    expect(await emails()).toEqual(['mallory@example.com', 'cus_2@example.com'])
  })

  test('mends changed, missing and invented rows', async () => {
    const rows = await projectedRows(db.reader)
    const invented = await db.reader.selectFrom('billing_customers').selectAll().executeTakeFirstOrThrow()
    await setEmail('cus_1', 'mallory@example.com')
    await db.reader.deleteFrom('billing_usage_records').execute()
    await db.reader
      .insertInto('billing_customers')
      .values({ ...invented, customer_id: 'cus_0' })
      .execute()
    const { ok, mended } = await replay(db)
    expect(ok).toBe(true)
    expect(
      mended.map(({ table, key, column, expected, actual }) => [table, key, column, expected, actual]),
    ).toEqual([
      ['billing_customers', 'cus_0', null, null, 'row'],
      ['billing_customers', 'cus_1', 'email', 'cus_1@example.com', 'mallory@example.com'],
      ['billing_usage_records', 'usg_1', null, 'row', null],
    ])
    expect(await projectedRows(db.reader)).toEqual(rows)
  })

  test('fills tables that were emptied, in more than one page of rows', async () => {
    await recordAll(
      db,
      Array.from({ length: 600 }, (_, index) => usageRecorded(`many_${index}`, index)),
    )
    const rows = await projectedRows(db.reader)
    await db.reader.deleteFrom('billing_usage_records').execute()
    await db.reader.deleteFrom('stripe_events').execute()
    expect((await replay(db)).mended).toHaveLength(603)
    expect(await projectedRows(db.reader)).toEqual(rows)
  })

  test('of one tenant leaves the others’ rows alone', async () => {
    await setEmail('cus_1', 'one')
    await setEmail('cus_2', 'two')
    expect((await verifyTables(db, { tenantId: tenant })).drift).toMatchObject([{ key: 'cus_1' }])
    const { facts, tables } = await replay(db, { tenantId: tenant })
    expect([facts, tables.billing_customers?.rows]).toEqual([2, 1])
    expect(await emails()).toEqual(['cus_1@example.com', 'two'])
  })

  test('loses nothing that is recorded while it runs', async () => {
    const other = openDatabase(db.url, testKeys())
    let isDone = false
    let count = 0
    const writing = (async () => {
      while (!isDone) {
        count += 1
        await recordAll(other, [usageRecorded(`while_${count}`, count)])
        await setImmediate()
      }
    })()
    try {
      for (let run = 0; run < 3; run += 1) {
        await setEmail('cus_1', 'mallory@example.com')
        expect((await replay(db)).mended.filter(({ table }) => table === 'billing_usage_records')).toEqual([])
        expect((await verifyTables(db)).drift).toEqual([])
      }
    } finally {
      isDone = true
      await writing
      await other.close()
    }
    const rows = await projectedRows(db.reader)
    expect(rows.billing_usage_records).toHaveLength(count + 1)
    expect(await verify(db)).toMatchObject({ ok: true })
  })

  describe('into the past', () => {
    const past = () => join(directory, 'past.db')

    test('makes a database with the facts and the rows of then, on which everything works', async () => {
      await recordAll(db, [customerOf(tenant, 'cus_3')], at(500))
      expect(await buildPast(db, at(499), past())).toMatchObject({ position: 3, facts: 3, ok: true })
      const then = openDatabase(`file:${past()}`, testKeys())
      try {
        expect(await verify(then)).toMatchObject({ ok: true, facts: 3 })
        expect((await projectedRows(then.reader)).billing_customers).toHaveLength(2)
      } finally {
        await then.close()
      }
      expect(existsSync(`${past()}.unfinished`)).toBe(false)
    })

    test('by a position or a time, the last of which is included', async () => {
      await recordAll(db, [customerOf(tenant, 'cus_3')], at(500))
      const placeOf = async (until: string, name: string) =>
        (await buildPast(db, until, join(directory, name))).position
      expect(await placeOf('2', 'a')).toBe(2)
      expect(await placeOf(at(500), 'b')).toBe(4)
      expect(await placeOf('2025-01-01', 'c')).toBe(0)
    })

    test('refuses a file that exists, a position that is not there yet, and what is no time', async () => {
      await buildPast(db, '1', past())
      for (const [until, file] of [
        ['1', past()],
        ['4', join(directory, 'other')],
        ['yesterday', join(directory, 'other')],
      ] as const)
        await expect(buildPast(db, until, file)).rejects.toThrow(ImpossiblePast)
      expect(existsSync(join(directory, 'other'))).toBe(false)
    })
  })
})
