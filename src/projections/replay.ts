import type { Database } from '../db/database.ts'
import type { NewRow, Tables, Trx } from '../db/tables.ts'
import { lastPosition } from '../log/read.ts'
import { compareRows, compareTable, type Difference, digestTable, keysAfter } from './compare.ts'
import { readConsistently } from './consistent-read.ts'
import { type Fold, openFold } from './fold.ts'
import { projections } from './project.ts'
import type { Projection } from './projection.ts'

/** A value that is not what the log makes it. `column` null: the whole row is missing, or should not be there. */
export type Drift = {
  table: string
  key: string
  column: string | null
  expected: unknown
  actual: unknown
}

export type ReplayReport = {
  /** The log's last fact that was folded, and how many were. */
  position: number
  facts: number
  seconds: number
  facts_per_second: number
  ok: boolean
  drift: Drift[]
  /** What a replay has put right. */
  mended: Drift[]
  /** The tables as the log makes them. */
  tables: Record<string, { rows: number; sha256: string }>
}

export type ReplayOptions = {
  /** Only the rows of this tenant. */
  tenantId?: string | undefined
  onProgress?: ((position: number, last: number) => void) | undefined
}

/**
 * Makes every projected table what the log says. The log is folded, and the rows are compared, beside the live tables
 * while the service goes on. The transaction that nobody else can write in looks only at the rows that differed, and
 * at those that were changed meanwhile.
 */
export function replay(db: Database, options: ReplayOptions = {}): Promise<ReplayReport> {
  return withFold(db, options, async (fold) => {
    const { tenantId } = options
    const suspects = new Map<Projection, string[]>()
    await readConsistently(db, async (reader) => {
      await fold.advance(reader, await lastPosition(reader))
      await compareAll(fold, reader, tenantId, async (projection, differences) => {
        const keys = differences.map(({ key }) => key)
        suspects.set(projection, [...(suspects.get(projection) ?? []), ...keys])
      })
    })
    const compared = fold.position
    const mended = await db.transact(async (trx) => {
      const found: Drift[] = []
      await fold.advance(trx, await lastPosition(trx))
      for (const projection of projections) {
        const keys = new Set([
          ...(suspects.get(projection) ?? []),
          ...(await keysAfter(projection, fold.tables, compared, tenantId)),
          ...(await keysAfter(projection, trx, compared, tenantId)),
        ])
        const differences: Difference[] = []
        for await (const difference of compareRows(projection, fold.tables, trx, [...keys]))
          differences.push(difference)
        found.push(...differences.flatMap((difference) => driftOf(projection.table, difference)))
        for (let start = 0; start < differences.length; start += 500)
          await mend(trx, projection, differences.slice(start, start + 500))
      }
      return found
    })
    return { drift: [], mended }
  })
}

/** Compares the tables with the log, at one moment, and changes nothing. */
export function verifyTables(db: Database, options: ReplayOptions = {}): Promise<ReplayReport> {
  return withFold(db, options, async (fold) => {
    const drift = await readConsistently(db, async (reader) => {
      await fold.advance(reader, await lastPosition(reader))
      return compareAll(fold, reader, options.tenantId)
    })
    return { drift, mended: [] }
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

/** Small enough to fold while writers wait. */
const fewFacts = 500

async function withFold(
  db: Database,
  options: ReplayOptions,
  finish: (fold: Fold) => Promise<Pick<ReplayReport, 'drift' | 'mended'>>,
): Promise<ReplayReport> {
  const start = performance.now()
  let last = await lastPosition(db.reader)
  const { tenantId, onProgress } = options
  const fold = await openFold({ tenantId, onProgress: (position) => onProgress?.(position, last) })
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
      ok: drift.length === 0,
      drift,
      mended,
      tables: await digestTables(fold, tenantId),
    }
  } finally {
    await fold.close()
  }
}

async function compareAll(
  fold: Fold,
  live: Database['reader'],
  tenantId: string | undefined,
  onDifferences: (projection: Projection, differences: Difference[]) => Promise<void> = async () => {},
): Promise<Drift[]> {
  const drift: Drift[] = []
  for (const projection of projections) {
    let differences: Difference[] = []
    for await (const difference of compareTable(projection, fold.tables, live, tenantId)) {
      drift.push(...driftOf(projection.table, difference))
      differences.push(difference)
      if (differences.length < 500) continue
      await onDifferences(projection, differences)
      differences = []
    }
    if (differences.length > 0) await onDifferences(projection, differences)
  }
  return drift
}

function driftOf(table: string, { key, expected, actual }: Difference): Drift[] {
  if (expected === undefined) return [{ table, key, column: null, expected: null, actual: 'row' }]
  if (actual === undefined) return [{ table, key, column: null, expected: 'row', actual: null }]
  return Object.keys(expected)
    .filter((column) => expected[column] !== actual[column])
    .map((column) => ({ table, key, column, expected: expected[column], actual: actual[column] }))
}

async function mend(trx: Trx, { table, primaryKey }: Projection, differences: Difference[]): Promise<void> {
  const surplus = differences.filter(({ expected }) => expected === undefined).map(({ key }) => key)
  if (surplus.length > 0)
    await trx
      .deleteFrom(table)
      .where(primaryKey as never, 'in', surplus as never)
      .execute()
  const rows = differences.flatMap(({ expected }) => (expected === undefined ? [] : [expected]))
  if (rows.length === 0) return
  const columns = Object.keys(rows[0] ?? {})
  await trx
    .insertInto(table)
    .values(rows as unknown as NewRow<keyof Tables>[])
    .onConflict((conflict) =>
      conflict
        .column(primaryKey as never)
        .doUpdateSet(
          (eb) =>
            Object.fromEntries(columns.map((name) => [name, eb.ref(`excluded.${name}` as never)])) as never,
        ),
    )
    .execute()
}
