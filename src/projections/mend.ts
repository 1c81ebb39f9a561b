import { setTimeout as sleep } from 'node:timers/promises'
import { sql } from 'kysely'
import type { Database } from '../db/database.ts'
import { upsert } from '../db/table-rows.ts'
import type { Trx } from '../db/tables.ts'
import { lastPosition } from '../log/read.ts'
import { compareRows, type Difference, keysAfter } from './compare.ts'
import { type Drift, driftOf } from './drift.ts'
import type { Fold } from './fold.ts'
import { projections } from './project.ts'
import type { Projection } from './projection.ts'
import type { Suspect, Suspects } from './suspects.ts'
import { Tally } from './tally.ts'

/**
 * Puts the suspects right, some in each transaction, and with the last of them what was changed since they were found:
 * what others write between two transactions, they write on tables of which a part is wrong yet.
 */
export async function mendAll(
  db: Database,
  fold: Fold,
  suspects: Suspects,
  tenantId: string | undefined,
): Promise<Tally<Drift>> {
  const found = fold.position
  const mended = new Tally<Drift>()
  for (;;) {
    const page = await suspects.page(pageSize)
    const isLast = page.length < pageSize
    const ofPage = await db.transact(async (trx) => {
      await fold.advance(trx, await lastPosition(trx))
      const tally = await mendPage(trx, fold, page)
      if (isLast && fold.position > found) tally.addAll(await mendChanged(trx, fold, found, tenantId))
      return tally
    })
    mended.addAll(ofPage)
    if (isLast) return mended
    await suspects.done(page)
    await sleep(pauseMs)
  }
}

/** Some ten milliseconds of work. */
const pageSize = 500
/** SQLite has no queue: a writer of another process gets in only when it tries while nobody else is. */
const pauseMs = 10

async function mendPage(trx: Trx, fold: Fold, page: readonly Suspect[]): Promise<Tally<Drift>> {
  const tally = new Tally<Drift>()
  for (const projection of projections) {
    const keys = page.filter(({ table }) => table === projection.table).map(({ key }) => key)
    tally.addAll(await mendRows(trx, fold, projection, keys))
  }
  return tally
}

async function mendChanged(
  trx: Trx,
  fold: Fold,
  position: number,
  tenantId: string | undefined,
): Promise<Tally<Drift>> {
  const tally = new Tally<Drift>()
  for (const projection of projections)
    for (const tables of [fold.tables, trx])
      for await (const keys of keysAfter(projection, tables, position, tenantId))
        tally.addAll(await mendRows(trx, fold, projection, keys))
  return tally
}

async function mendRows(
  trx: Trx,
  fold: Fold,
  projection: Projection,
  keys: readonly string[],
): Promise<Tally<Drift>> {
  const tally = new Tally<Drift>()
  if (keys.length === 0) return tally
  const differences = await compareRows(projection, fold.tables, trx, keys)
  for (const difference of differences) tally.add(...driftOf(projection.table, difference))
  await write(trx, projection, differences)
  return tally
}

async function write(trx: Trx, { table, primaryKey }: Projection, differences: Difference[]): Promise<void> {
  const surplus = differences.filter(({ expected }) => expected === undefined).map(({ key }) => key)
  if (surplus.length > 0)
    await sql`delete from ${sql.table(table)} where ${sql.ref(primaryKey)} in (${sql.join(surplus)})`.execute(
      trx,
    )
  const [first, ...others] = differences.map(({ expected }) => expected).filter((row) => row !== undefined)
  if (first !== undefined) await upsert(table, primaryKey, [first, ...others]).execute(trx)
}
