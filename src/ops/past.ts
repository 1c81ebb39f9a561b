import { existsSync } from 'node:fs'
import { rename, rm } from 'node:fs/promises'
import { sql } from 'kysely'
import type { Database } from '../db/database.ts'
import { assertPersonalKeys } from '../db/seals.ts'
import type { Reader } from '../db/tables.ts'
import { lastPosition } from '../log/read.ts'
import { openFold } from '../projections/fold.ts'
import { digestTables, type ReplayReport } from '../projections/replay.ts'

/** `until` is after the log's end, or no time, or the file exists. */
export class ImpossiblePast extends Error {
  override readonly name = 'ImpossiblePast'
}

/**
 * Makes a SQLite database as it was: the facts up to a moment, and the tables folded from them.
 * @param until a position, or an ISO 8601 time: what was recorded up to and with it
 * @throws ImpossiblePast
 */
export async function buildPast(
  db: Database,
  until: string,
  file: string,
  onProgress?: (position: number, last: number) => void,
): Promise<ReplayReport> {
  const start = performance.now()
  if (existsSync(file)) throw new ImpossiblePast(`${file} exists already; name a file that does not`)
  const last = await positionAt(db.reader, until)
  // Under another name until it is complete, so that a file with this name is never half of the past.
  const unfinished = `${file}.unfinished`
  await removeDatabase(unfinished)
  await assertPersonalKeys(db)
  const fold = await openFold(db, {
    file: unfinished,
    onProgress: (position) => onProgress?.(position, last),
  })
  try {
    await fold.advance(db.reader, last)
    const seconds = (performance.now() - start) / 1000
    const tables = await digestTables(fold)
    await copyKeys(db.reader, fold.tables)
    // Everything into the one file, which is about to get another name.
    await sql`pragma wal_checkpoint(truncate)`.execute(fold.tables)
    await fold.close()
    await rename(unfinished, file)
    return {
      position: fold.position,
      facts: fold.facts,
      seconds: Number(seconds.toFixed(3)),
      facts_per_second: Math.round(fold.facts / seconds),
      ok: true,
      personal_compared: true,
      drift: [],
      drift_count: 0,
      mended: [],
      mended_count: 0,
      tables,
    }
  } catch (error) {
    await fold.close().catch(() => {})
    await removeDatabase(unfinished)
    throw error
  }
}

/**
 * The position that `moment` stands for.
 * @throws ImpossiblePast
 */
export async function positionAt(reader: Reader, moment: string): Promise<number> {
  const last = await lastPosition(reader)
  if (/^\d+$/.test(moment)) {
    if (Number(moment) > last) throw new ImpossiblePast(`the log ends at position ${last}, before ${moment}`)
    return Number(moment)
  }
  if (!/^\d{4}-\d\d-\d\d(T.*)?$/.test(moment) || Number.isNaN(Date.parse(moment)))
    throw new ImpossiblePast(`${moment} is no position and no ISO 8601 time`)
  // A time without an offset would be the machine's own; everything here is UTC.
  const hasOffset = /Z$|[+-]\d\d:?\d\d$/i.test(moment) || !moment.includes('T')
  const time = new Date(hasOffset ? moment : `${moment}Z`).toISOString()
  const row = await reader
    .selectFrom('billing_events')
    .select((eb) => eb.fn.max('position').as('position'))
    .where('recorded_at', '<=', time)
    .executeTakeFirst()
  return row?.position ?? 0
}

/** What is sealed in the file's facts is opened by the same keys. */
async function copyKeys(from: Reader, to: Reader): Promise<void> {
  const rows = await from.selectFrom('subject_keys').selectAll().execute()
  for (let start = 0; start < rows.length; start += 1000)
    await to
      .insertInto('subject_keys')
      .values(rows.slice(start, start + 1000))
      .execute()
}

async function removeDatabase(file: string): Promise<void> {
  for (const suffix of ['', '-wal', '-shm']) await rm(`${file}${suffix}`, { force: true })
}
