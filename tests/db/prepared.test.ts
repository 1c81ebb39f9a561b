import Sqlite from 'better-sqlite3'
import { sql } from 'kysely'
import { describe, expect, test, vi } from 'vitest'
import { prepared } from '../../src/db/prepared.ts'
import { record } from '../../src/projections/record.ts'
import { createPostgres, createSqlite, eachDatabase, type TestDatabase } from '../support/databases.ts'
import { at, usageRecorded } from '../support/facts.ts'

const recordOne = (db: TestDatabase, id: string) =>
  db.transact((trx) => record(trx, 'usage-a', 'any', [{ ...usageRecorded(id, 1), fact_id: id }], at(1)))

describe.each(eachDatabase)('on $name', ({ create }) => {
  test('a prepared query gives what it would give if it were built with these values, whatever they are and were', async () => {
    const db = await create()
    const save = prepared(
      (to, { rows }: { rows: { tenant_id: string; email: string | null; last_position: number }[] }) =>
        to.insertInto('people').values(rows),
    )
    const find = prepared((of, { ids, after }: { ids: string[]; after: number }) =>
      of
        .selectFrom('people')
        .select(['tenant_id', 'email'])
        .where('tenant_id', 'in', ids)
        .where('last_position', '>', after)
        .orderBy('tenant_id'),
    )
    const ids = Array.from({ length: 20 }, (_, serial) => `t${String(serial).padStart(2, '0')}`)
    try {
      await db.transact(async (trx) => {
        await save(trx, { rows: [{ tenant_id: 't00', email: null, last_position: 5 }] })
        await save(trx, { rows: [{ tenant_id: 't01', email: 'a@example.com', last_position: 6 }] })
        const rows = ids.slice(2).map((tenant_id) => ({ tenant_id, email: null, last_position: 7 }))
        expect((await save(trx, { rows })).numAffectedRows).toBe(18n)
      })
      const found = async (some: string[], after = 0) =>
        (await find(db.reader, { ids: some, after })).rows.map(({ tenant_id }) => tenant_id)
      for (const some of [['t00'], ['t01'], ['t01', 't00'], ids, ['t03', 't02'], ['none']])
        expect(await found(some)).toEqual(some.filter((id) => id !== 'none').sort())
      expect(await found(['t00', 't01'], 5)).toEqual(['t01'])
      expect((await find(db.reader, { ids: ['t00'], after: 0 })).rows).toEqual([
        { tenant_id: 't00', email: null },
      ])
      // As a webhook might bring it where a text is meant, before any other.
      const findOdd = prepared((of, { ids: some }: { ids: string[] }) =>
        of.selectFrom('people').select('tenant_id').where('tenant_id', 'in', some),
      )
      await findOdd(db.reader, { ids: [{ not: 'a text' } as unknown as string] }).catch(() => {})
      expect((await findOdd(db.reader, { ids: ['t00'] })).rows).toEqual([{ tenant_id: 't00' }])
    } finally {
      await db.close()
    }
  })
})

test('no statement of a write is compiled twice by SQLite', async () => {
  const db = await createSqlite()
  const compile = vi.spyOn(Sqlite.prototype, 'prepare')
  try {
    await recordOne(db, 'usg_1')
    const first = compile.mock.calls.length
    expect(first).toBeGreaterThan(0)
    for (let serial = 2; serial < 10; serial += 1) await recordOne(db, `usg_${serial}`)
    const texts = compile.mock.calls.map(([text]) => text)
    expect(texts).toEqual([...new Set(texts)])
  } finally {
    compile.mockRestore()
    await db.close()
  }
})

test('PostgreSQL keeps the statements that come again, and not more of them than a bound', async () => {
  const db = await createPostgres()
  const kept = () =>
    db.transact(async (trx) => {
      const { rows } = await sql<{
        text: string
      }>`select statement as text from pg_prepared_statements`.execute(trx)
      return rows.map(({ text }) => text)
    })
  try {
    for (let serial = 0; serial < 4; serial += 1) await recordOne(db, `usg_${serial}`)
    const texts = await kept()
    expect(texts.filter((text) => text.startsWith('insert into "billing_events"'))).toHaveLength(1)
    expect(texts).toEqual([...new Set(texts)])
    await db.transact(async (trx) => {
      for (let serial = 0; serial < 300; serial += 1)
        for (let times = 0; times < 2; times += 1)
          await sql`select ${1}::int as ${sql.ref(`c${serial}`)}`.execute(trx)
    })
    expect((await kept()).length).toBeLessThanOrEqual(250)
  } finally {
    await db.close()
  }
})

test('a column that comes to a table under a running service holds up neither writes nor, but once, reads', async () => {
  const db = await createPostgres()
  const people = (reader: Pick<TestDatabase['reader'], 'selectFrom'>) =>
    reader.selectFrom('people').selectAll().where('tenant_id', '=', 'a').execute()
  try {
    for (let times = 0; times < 3; times += 1) {
      await people(db.reader)
      await db.transact((trx) => people(trx))
    }
    await sql`alter table people add column more text`.execute(db.reader)
    expect(await db.transact((trx) => people(trx))).toEqual([])
    await people(db.reader).catch(() => {})
    expect(await people(db.reader)).toEqual([])
  } finally {
    await db.close()
  }
})
