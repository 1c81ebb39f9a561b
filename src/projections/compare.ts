import { createHash } from 'node:crypto'
import { setImmediate as giveWay } from 'node:timers/promises'
import { rowsIn, type TableRow } from '../db/table-rows.ts'
import type { Reader } from '../db/tables.ts'
import type { Projection } from './projection.ts'

/** One row of a table as it should be and as it is; undefined: not there. */
export type Difference = { key: string; expected: TableRow | undefined; actual: TableRow | undefined }

/**
 * Where `actual` differs from `expected`, row by row, in pages: the two may be databases of different kinds, which
 * sort text differently, so rows are looked up by key and never merged in order.
 * @param tenantId only rows with this `tenant_id`
 */
export async function* compareTable(
  projection: Projection,
  expected: Reader,
  actual: Reader,
  tenantId?: string,
): AsyncGenerator<Difference[]> {
  const { primaryKey } = projection
  for await (const rows of pagesOf(projection, actual, tenantId)) {
    const wanted = await rowsByKey(projection, expected, keysOf(projection, rows), tenantId)
    yield differencesOf(
      rows.map((row) => {
        const key = String(row[primaryKey])
        return { key, expected: wanted.get(key), actual: row }
      }),
    )
  }
  for await (const rows of pagesOf(projection, expected, tenantId)) {
    const present = await rowsByKey(projection, actual, keysOf(projection, rows), tenantId)
    yield rows
      .map((row) => ({ key: String(row[primaryKey]), expected: row, actual: undefined }))
      .filter(({ key }) => !present.has(key))
  }
}

/** As `compareTable`, of these rows alone: no more than a page of them. */
export async function compareRows(
  projection: Projection,
  expected: Reader,
  actual: Reader,
  keys: readonly string[],
): Promise<Difference[]> {
  const wanted = await rowsByKey(projection, expected, keys)
  const present = await rowsByKey(projection, actual, keys)
  return differencesOf(keys.map((key) => ({ key, expected: wanted.get(key), actual: present.get(key) })))
}

/** The keys of the rows that a fact after this position has changed, in pages. */
export async function* keysAfter(
  projection: Projection,
  reader: Reader,
  position: number,
  tenantId?: string,
): AsyncGenerator<string[]> {
  for await (const rows of pagesOf(projection, reader, tenantId, position)) yield keysOf(projection, rows)
}

/** How many rows, and the SHA-256 over their canonical JSON, one a line, in the order of their keys. */
export async function digestTable(
  projection: Projection,
  tables: Reader,
  tenantId?: string,
): Promise<{ rows: number; sha256: string }> {
  const hash = createHash('sha256')
  let count = 0
  for await (const rows of pagesOf(projection, tables, tenantId)) {
    const columns = Object.keys(rows[0] ?? {}).sort()
    for (const row of rows) hash.update(`${JSON.stringify(row, columns)}\n`)
    count += rows.length
  }
  return { rows: count, sha256: hash.digest('hex') }
}

const pageSize = 500

async function* pagesOf(
  { table, primaryKey }: Projection,
  reader: Reader,
  tenantId: string | undefined,
  changedAfter = 0,
): AsyncGenerator<TableRow[]> {
  for (let last: string | null = null; ; ) {
    let query = rowsIn(reader, table)
    if (changedAfter > 0) query = query.where('last_position', '>', changedAfter)
    if (last !== null) query = query.where(primaryKey, '>', last)
    if (tenantId !== undefined) query = query.where('tenant_id', '=', tenantId)
    const page = await query.orderBy(primaryKey).limit(pageSize).execute()
    if (page.length > 0) yield page
    await giveWay()
    if (page.length < pageSize) return
    last = String(page.at(-1)?.[primaryKey])
  }
}

async function rowsByKey(
  { table, primaryKey }: Projection,
  reader: Reader,
  keys: readonly string[],
  tenantId?: string,
): Promise<Map<string, TableRow>> {
  let query = rowsIn(reader, table).where(primaryKey, 'in', keys)
  if (tenantId !== undefined) query = query.where('tenant_id', '=', tenantId)
  return new Map((await query.execute()).map((row) => [String(row[primaryKey]), row]))
}

const keysOf = ({ primaryKey }: Projection, rows: readonly TableRow[]) =>
  rows.map((row) => String(row[primaryKey]))

const differencesOf = (pairs: Difference[]) =>
  pairs.filter(({ expected, actual }) => {
    if (expected === undefined || actual === undefined) return expected !== actual
    return Object.keys(expected).some((column) => expected[column] !== actual[column])
  })
