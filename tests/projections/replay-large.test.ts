import { setImmediate } from 'node:timers/promises'
import { sql } from 'kysely'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { openDatabase } from '../../src/db/database.ts'
import { migrate, restoreTables } from '../../src/db/migrate.ts'
import { viewNames } from '../../src/db/tables.ts'
import { verify } from '../../src/ops/verify.ts'
import { projections } from '../../src/projections/project.ts'
import { replay, verifyTables } from '../../src/projections/replay.ts'
import { createSqlite, eachDatabase, type TestDatabase } from '../support/databases.ts'
import { recordAll, tenant, usageRecorded } from '../support/facts.ts'
import { recordIncident } from '../support/incident.ts'
import { startCli } from '../support/run-cli.ts'

/** Of their one minute and one hour. */
const sums = 2

/** Facts without hashes and without rows: a replay looks at neither. Each makes a row of usage, and all of them the sums. */
async function fillLog({ dialect, transact }: TestDatabase, count: number): Promise<void> {
  const numbers =
    dialect === 'sqlite'
      ? sql`with recursive numbers (n) as (select 1 union all select n + 1 from numbers where n < ${count})`
      : sql`with numbers (n) as (select generate_series(1, ${sql.lit(count)}))`
  const data = JSON.stringify(usageRecorded('usg_', 0).data)
  const insert = sql`insert into billing_events
    ${numbers}
    select n, 'usage-of-many', n, ${'fact-'} || n, 'usage.recorded', ${tenant}, replace(${data}, 'usg_', 'usg_' || n), null, null,
      '{"actor":"worker"}', '2026-01-01T00:00:00.000Z', '2026-01-01T00:00:00.000Z', '', '' from numbers`
  await transact((trx) => insert.execute(trx))
}

test('a replay of a log whose tables are all empty keeps nothing of it in memory', async () => {
  const db = await createSqlite()
  try {
    const facts = 30_000
    await fillLog(db, facts)
    const { code, stdout, stderr } = await startCli(['replay', '--json', '--database', db.url], {
      // A sixth of the usual stack, and little memory: what grows with the rows fails at 30,000 as at a million.
      nodeOptions: ['--stack-size=160', '--max-old-space-size=64'],
    }).ended
    expect([code, stderr]).toEqual([0, ''])
    const report = JSON.parse(stdout)
    expect(report).toMatchObject({ ok: true, facts, mended_count: facts + sums, drift: [], drift_count: 0 })
    expect(report.mended).toHaveLength(1000)
    expect(report.tables.billing_usage_records.rows).toBe(facts)
  } finally {
    await db.close()
  }
})

describe.each(eachDatabase)('a replay on $name of tables in which much is wrong', ({ create }) => {
  let db: TestDatabase
  beforeEach(async () => {
    db = await create()
  })
  afterEach(() => db.close())

  test('lets others write between what it puts right, and loses nothing of theirs', async () => {
    const facts = 6000
    await fillLog(db, facts)
    const other = openDatabase(db.url)
    const rowsAtWrites: number[] = []
    let isDone = false
    const writing = (async () => {
      while (!isDone) {
        await recordAll(other, [usageRecorded(`while_${rowsAtWrites.length}`, rowsAtWrites.length)])
        const { rows } = await sql<{ n: number }>`select count(*) as n from billing_usage_records`.execute(
          other.reader,
        )
        rowsAtWrites.push(Number(rows[0]?.n))
        await setImmediate()
      }
    })()
    try {
      const { mended_count } = await replay(db)
      expect(mended_count).toBe(facts + sums)
    } finally {
      isDone = true
      await writing
      await other.close()
    }
    const isBetween = (rows: number, written: number) => rows > written && rows < facts
    expect(rowsAtWrites.filter((rows, index) => isBetween(rows, index + 1)).length).toBeGreaterThan(0)
    expect(await verifyTables(db)).toMatchObject({ ok: true, drift_count: 0 })
  })

  test('counts every value that differs, and lists the first thousand', async () => {
    await fillLog(db, 1200)
    expect(await verifyTables(db)).toMatchObject({ ok: false, drift_count: 1200 + sums })
    const { drift, faults, ...report } = await verify(db)
    expect([drift.length, faults.length, report.drift_count]).toEqual([1000, 1000, 1200 + sums])
    expect(report.fault_count).toBeGreaterThan(1200)
  })

  test('makes tables again that were dropped, to the same bytes', async () => {
    await recordIncident(db)
    const { tables } = await verifyTables(db)
    // PostgreSQL drops no table that a view reads but with the view.
    const cascade = db.dialect === 'postgres' ? 'cascade' : ''
    await db.transact(async (trx) => {
      for (const { table } of projections)
        await sql`drop table ${sql.table(table)} ${sql.raw(cascade)}`.execute(trx)
    })
    // As each start does.
    await migrate(db)
    const verified = await verifyTables(db)
    expect(verified).toMatchObject({ ok: false, drift_count: projections.length + viewNames.length, tables })
    expect(verified.drift[0]).toEqual({
      table: 'onboarding_sessions',
      key: '',
      column: null,
      expected: 'table',
      actual: null,
    })
    expect(await replay(db)).toMatchObject({ ok: true, tables })
    expect(await verify(db)).toMatchObject({ ok: true, faults: [] })
    await restoreTables(db)
    expect(await verifyTables(db), 'restoring what is there changes nothing').toMatchObject({
      ok: true,
      tables,
    })
  })
})
