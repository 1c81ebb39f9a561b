import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { openDatabase } from '../../src/db/database.ts'
import { lastPosition } from '../../src/log/read.ts'
import { buildPast } from '../../src/ops/past.ts'
import { verify } from '../../src/ops/verify.ts'
import { openFold } from '../../src/projections/fold.ts'
import { projections } from '../../src/projections/project.ts'
import { digestTables } from '../../src/projections/replay.ts'
import { createSqlite, type TestDatabase, testKeys } from '../support/databases.ts'
import { erasureWorld, lives } from '../support/erasures.ts'
import { projectedRows } from '../support/rows.ts'

type Rows = Record<string, Record<string, unknown>[]>
type Tables = Awaited<ReturnType<typeof digestTables>>

/** Fixed, and not made smaller when it fails, so that it takes the same ten seconds each time; another seed is another set of lives. */
const parameters = { seed: 20_261_124, numRuns: 4, endOnFailure: true }

test('before and after erasures the log replays at every position: amounts as they were, persons gone', async () => {
  const met = { parked: 0, released: 0, erasures: 0, forgotten: 0, positions: 0 }
  await fc.assert(
    fc.asyncProperty(lives, async (life) => {
      const db = await createSqlite()
      try {
        const world = await erasureWorld(db)
        /** The live tables as they were when the log ended here; persons erased since are taken out. */
        const then = new Map<number, Rows>()
        for (const event of life) {
          if (event.kind !== 'erasure') {
            await world.happens(event)
            then.set(await world.position(), await rowsOf(db))
            continue
          }
          if (!(await world.isKnown(event.tenant))) continue
          await world.settle(event.tenant)
          then.set(await world.position(), await rowsOf(db))
          const before = await everyPosition(db)
          for (const [position, rows] of then) expect(before[position]?.rows, `at ${position}`).toEqual(rows)
          await isVerified(db)

          await world.erase(event.tenant)
          const after = await everyPosition(db)
          for (const [position, { rows }] of before.entries()) {
            const left = without(event.tenant, rows)
            expect(after[position]?.rows, `at ${position}`).toEqual(left)
            if (JSON.stringify(left) !== JSON.stringify(rows)) met.forgotten += 1
          }
          for (const [position, rows] of then) then.set(position, without(event.tenant, rows))
          then.set(await world.position(), await rowsOf(db))
          await isVerified(db)
          met.erasures += 1
        }
        const folded = await everyPosition(db)
        for (const [position, rows] of then) expect(folded[position]?.rows, `at ${position}`).toEqual(rows)
        await isVerified(db)
        await isRebuilt(db, folded)
        met.positions += folded.length
        const dispositions = folded.at(-1)?.rows.stripe_events?.map(({ disposition }) => disposition) ?? []
        if (dispositions.includes('parked')) met.parked += 1
        if (dispositions.includes('released')) met.released += 1
      } finally {
        await db.close()
      }
    }),
    parameters,
  )
  for (const [what, count] of Object.entries(met)) expect(count, what).toBeGreaterThan(0)
})

const rowsOf = async ({ reader }: Pick<TestDatabase, 'reader'>) => (await projectedRows(reader)) as Rows

/** What the log makes of each of its prefixes: one fold that goes from position to position. */
async function everyPosition(db: TestDatabase): Promise<{ rows: Rows; tables: Tables }[]> {
  const fold = await openFold(db)
  try {
    expect(fold.isBlind).toBe(false)
    const folded: { rows: Rows; tables: Tables }[] = []
    for (let position = 0; position <= (await lastPosition(db.reader)); position += 1) {
      await fold.advance(db.reader, position)
      folded.push({ rows: await rowsOf({ reader: fold.tables }), tables: await digestTables(fold) })
    }
    return folded
  } finally {
    await fold.close()
  }
}

/** The rows as they are left when a tenant is erased: what is personal is empty, all else is as it was. */
function without(tenantId: string, rows: Rows): Rows {
  const left = { ...rows }
  for (const { table, personalColumns = [], isPersonal = false } of projections) {
    const isOthers = (row: Record<string, unknown>) => row.tenant_id !== tenantId
    const empty = Object.fromEntries(personalColumns.map((column) => [column, null]))
    const all = rows[table] ?? []
    left[table] = isPersonal
      ? all.filter(isOthers)
      : all.map((row) => (isOthers(row) ? row : { ...row, ...empty }))
  }
  return left
}

async function isVerified(db: Parameters<typeof verify>[0]): Promise<void> {
  expect(await verify(db)).toMatchObject({ ok: true, faults: [], drift: [], personal_compared: true })
}

/** `replay --until` of each position: a database that holds together, with the same tables. */
async function isRebuilt(db: TestDatabase, folded: { tables: Tables }[]): Promise<void> {
  const file = join(db.url.slice('file:'.length), '..', 'past.db')
  for (const [position, { tables }] of folded.entries()) {
    const report = await buildPast(db, String(position), file)
    expect(report).toMatchObject({ ok: true, position, facts: position })
    expect(report.tables, `at ${position}`).toEqual(tables)
    if (position % 5 === 0) {
      const past = openDatabase(`file:${file}`, testKeys())
      await isVerified(past).finally(() => past.close())
    }
    for (const suffix of ['', '-wal', '-shm']) await rm(`${file}${suffix}`, { force: true })
  }
}
