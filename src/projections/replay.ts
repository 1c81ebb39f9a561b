import type { Database } from '../db/database.ts'
import { restoreTables } from '../db/migrate.ts'
import { missingTables } from '../db/missing-tables.ts'
import { assertPersonalKeys } from '../db/seals.ts'
import type { TableRow } from '../db/table-rows.ts'
import { lastPosition } from '../log/read.ts'
import { compareTable, type Difference, digestTable } from './compare.ts'
import { readConsistently } from './consistent-read.ts'
import { type Drift, driftOf, missingTable } from './drift.ts'
import { type Fold, openFold } from './fold.ts'
import { mendAll } from './mend.ts'
import { projections } from './project.ts'
import type { Projection } from './projection.ts'
import { openSuspects } from './suspects.ts'
import { Tally } from './tally.ts'

export type ReplayReport = {
  /** The log's last fact that was folded, and how many were. */
  position: number
  facts: number
  seconds: number
  facts_per_second: number
  ok: boolean
  /** False: the key of what is sealed was not here, and personal columns were not compared. */
  personal_compared: boolean
  /** The first thousand. */
  drift: Drift[]
  drift_count: number
  /** What a replay has put right: the first thousand. */
  mended: Drift[]
  mended_count: number
  /** The tables as the log makes them. */
  tables: Record<string, { rows: number; sha256: string }>
}

export type ReplayOptions = {
  /** Only the rows of this tenant. */
  tenantId?: string | undefined
  onProgress?: ((position: number, last: number) => void) | undefined
}

/**
 * Makes every projected table what the log says; one that is missing is made. The log is folded, and the rows are
 * compared, beside the live tables while the service goes on. Then the rows that differed are looked at once more and
 * put right while nobody else can write: with those that were changed meanwhile in one transaction, or, when they are
 * many, in one after the other.
 * @throws NoPersonalKey
 */
export async function replay(db: Database, options: ReplayOptions = {}): Promise<ReplayReport> {
  await assertPersonalKeys(db)
  if ((await missingTables(db)).length > 0) await restoreTables(db)
  return withFold(db, options, async (fold) => {
    const suspects = await openSuspects(fold.tables)
    await readConsistently(db, async (reader) => {
      await fold.advance(reader, await lastPosition(reader))
      for (const projection of projections)
        for await (const page of compareTable(projection, fold.tables, reader, options.tenantId))
          await suspects.add(
            projection.table,
            page.map(({ key }) => key),
          )
    })
    return { drift: new Tally<Drift>(), mended: await mendAll(db, fold, suspects, options.tenantId) }
  })
}

/** Compares the tables with the log, at one moment, and changes nothing. Without the key, personal columns are left out. */
export function verifyTables(db: Database, options: ReplayOptions = {}): Promise<ReplayReport> {
  return withFold(db, options, async (fold) => {
    const missing: string[] = await missingTables(db)
    const drift = new Tally<Drift>()
    drift.add(...missing.map(missingTable))
    await readConsistently(db, async (reader) => {
      await fold.advance(reader, await lastPosition(reader))
      for (const projection of projections) {
        if (missing.includes(projection.table) || (fold.isBlind && projection.isPersonal)) continue
        for await (const page of compareTable(projection, fold.tables, reader, options.tenantId))
          for (const difference of page)
            drift.add(
              ...driftOf(
                projection.table,
                fold.isBlind ? withoutPersonal(projection, difference) : difference,
              ),
            )
      }
    })
    return { drift, mended: new Tally<Drift>() }
  })
}

/** The digest of every projected table. */
export async function digestTables(
  fold: Pick<Fold, 'tables'>,
  tenantId?: string,
): Promise<ReplayReport['tables']> {
  const digests: ReplayReport['tables'] = {}
  for (const projection of projections)
    digests[projection.table] = await digestTable(projection, fold.tables, tenantId)
  return digests
}

function withoutPersonal({ personalColumns = [] }: Projection, difference: Difference): Difference {
  const clear = (row: TableRow | undefined) =>
    row && Object.fromEntries(Object.entries(row).filter(([column]) => !personalColumns.includes(column)))
  return { ...difference, expected: clear(difference.expected), actual: clear(difference.actual) }
}

/** Small enough to fold while writers wait. */
const fewFacts = 500

async function withFold(
  db: Database,
  options: ReplayOptions,
  finish: (fold: Fold) => Promise<{ drift: Tally<Drift>; mended: Tally<Drift> }>,
): Promise<ReplayReport> {
  const start = performance.now()
  let last = await lastPosition(db.reader)
  const { tenantId, onProgress } = options
  const fold = await openFold(db, { tenantId, onProgress: (position) => onProgress?.(position, last) })
  try {
    while (last - fold.position > fewFacts) {
      await fold.advance(db.reader, last)
      last = await lastPosition(db.reader)
    }
    const { drift, mended } = await finish(fold)
    const seconds = (performance.now() - start) / 1000
    return {
      position: fold.position,
      facts: fold.facts,
      seconds: Number(seconds.toFixed(3)),
      facts_per_second: Math.round(fold.facts / seconds),
      ok: drift.count === 0,
      personal_compared: !fold.isBlind,
      drift: drift.first,
      drift_count: drift.count,
      mended: mended.first,
      mended_count: mended.count,
      tables: await digestTables(fold, tenantId),
    }
  } finally {
    await fold.close()
  }
}
