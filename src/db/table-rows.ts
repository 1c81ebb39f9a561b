import { type RawBuilder, sql } from 'kysely'
import type { Reader, Tables } from './tables.ts'

/** A row of whichever table. */
export type TableRow = Record<string, string | number | null>

/** The rows of a table whose name is known only when the query is made, such as a projection's. */
export const rowsIn = (reader: Reader, table: keyof Tables) =>
  reader.selectFrom(sql<TableRow>`${sql.table(table)}`.as('rows')).selectAll()

/**
 * Inserts rows, which all have the same columns. Where there is one with the primary key of another, that one is
 * replaced, or kept.
 */
export function upsert(
  table: keyof Tables,
  primaryKey: string,
  rows: readonly [TableRow, ...TableRow[]],
  present: 'replaced' | 'kept' = 'replaced',
): RawBuilder<unknown> {
  const columns = Object.keys(rows[0]).sort()
  const values = rows.map((row) => sql`(${sql.join(columns.map((column) => row[column]))})`)
  const changes = columns.map((column) => sql`${sql.ref(column)} = ${sql.ref(`excluded.${column}`)}`)
  return sql`insert into ${sql.table(table)} (${sql.join(columns.map((column) => sql.ref(column)))})
    values ${sql.join(values)} on conflict (${sql.ref(primaryKey)})
    do ${present === 'kept' ? sql`nothing` : sql`update set ${sql.join(changes)}`}`
}
