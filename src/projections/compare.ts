import { createHash } from 'node:crypto'
import { setImmediate as giveWay } from 'node:timers/promises'
import type { Kysely, SqlBool } from 'kysely'
import { sql } from 'kysely'
import type { Reader } from '../db/tables.ts'
import type { Projection } from './projection.ts'

export type TableRow = Record<string, string | number | null>

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
): AsyncGenerator<Difference> {
  const { primaryKey } = projection
  for await (const rows of pagesOf(projection, actual, tenantId)) {
    const wanted = await rowsByKey(projection, expected, rows, tenantId)
    for (const row of rows) {
      const key = String(row[primaryKey])
      const other = wanted.get(key)
      if (other === undefined || !sameRow(other, row)) yield { key, expected: other, actual: row }
    }
  }
  for await (const rows of pagesOf(projection, expected, tenantId)) {
    const present = await rowsByKey(projection, actual, rows, tenantId)
    for (const row of rows) {
      const key = String(row[primaryKey])
      if (!present.has(key)) yield { key, expected: row, actual: undefined }
    }
  }
}

/** As `compareTable`, of these rows alone. */
export async function* compareRows(
  projection: Projection,
  expected: Reader,
  actual: Reader,
  keys: readonly string[],
): AsyncGenerator<Difference> {
  for (let start = 0; start < keys.length; start += pageSize) {
    const rows = keys.slice(start, start + pageSize).map((key) => ({ [projection.primaryKey]: key }))
    const wanted = await rowsByKey(projection, expected, rows, undefined)
    const present = await rowsByKey(projection, actual, rows, undefined)
    for (const key of keys.slice(start, start + pageSize)) {
      const [before, now] = [wanted.get(key), present.get(key)]
      if (before === now || (before !== undefined && now !== undefined && sameRow(before, now))) continue
      yield { key, expected: before, actual: now }
    }
  }
}

/** The keys of the rows that a fact after this position has changed. */
export async function keysAfter(
  { table, primaryKey }: Projection,
  reader: Reader,
  position: number,
  tenantId?: string,
): Promise<string[]> {
  let query = (reader as unknown as AnyTables)
    .selectFrom(table)
    .select(primaryKey)
    .where('last_position', '>', position)
  if (tenantId !== undefined) query = query.where('tenant_id', '=', tenantId)
  return (await query.execute()).map((row) => String(row[primaryKey]))
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

/** The names of tables and keys are the projections' own: typed once, here. */
type AnyTables = Kysely<Record<string, TableRow>>

async function* pagesOf(
  { table, primaryKey }: Projection,
  reader: Reader,
  tenantId: string | undefined,
): AsyncGenerator<TableRow[]> {
  for (let last: string | null = null; ; ) {
    let query = (reader as unknown as AnyTables).selectFrom(table).selectAll()
    if (last !== null) query = query.where(primaryKey, '>', last)
    if (tenantId !== undefined) query = query.where('tenant_id', '=', tenantId)
    const page = (await query.orderBy(primaryKey).limit(pageSize).execute()) as TableRow[]
    if (page.length > 0) yield page
    await giveWay()
    if (page.length < pageSize) return
    last = String(page.at(-1)?.[primaryKey])
  }
}

async function rowsByKey(
  { table, primaryKey }: Projection,
  reader: Reader,
  rows: TableRow[],
  tenantId: string | undefined,
): Promise<Map<string, TableRow>> {
  const keys = rows.map((row) => String(row[primaryKey]))
  const found = (await (reader as unknown as AnyTables)
    .selectFrom(table)
    .selectAll()
    .where(primaryKey, 'in', keys)
    .where(tenantId === undefined ? sql<SqlBool>`true` : sql<SqlBool>`tenant_id = ${tenantId}`)
    .execute()) as TableRow[]
  return new Map(found.map((row) => [String(row[primaryKey]), row]))
}

function sameRow(a: TableRow, b: TableRow): boolean {
  return Object.keys(a).every((column) => a[column] === b[column])
}
