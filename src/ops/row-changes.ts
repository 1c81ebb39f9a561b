import { sql } from 'kysely'
import { z } from 'zod'
import type { Database } from '../db/database.ts'
import type { TableRow } from '../db/table-rows.ts'
import { openFold } from '../projections/fold.ts'
import { projections } from '../projections/project.ts'
import type { Projection } from '../projections/projection.ts'

/** What one fact did to one row. `before` null: it made the row. */
export type RowChange = {
  /** The fact's. */
  position: number
  table: string
  key: string
  before: TableRow | null
  after: TableRow
}

const value = z.union([z.string(), z.number()]).nullable()
export const ColumnChange = z.object({ column: z.string(), before: value, after: value })
export type ColumnChange = z.infer<typeof ColumnChange>

/** The columns that differ, without `last_position`, which always does. */
export function columnChanges({ before, after }: Pick<RowChange, 'before' | 'after'>): ColumnChange[] {
  return Object.entries(after)
    .filter(([column, value]) => column !== 'last_position' && value !== (before?.[column] ?? null))
    .map(([column, value]) => ({ column, before: before?.[column] ?? null, after: value }))
}

/** What is to be watched: the rows of a tenant, or one row of one table. */
type Watched = { tenantId: string } | { table: string; key: string }

/**
 * Folds the log beside the live tables, and says what each fact in (after, until] did to the rows that are watched,
 * in the order of the facts. `visit` sees the tables as they are at `after` and at `until`.
 * @param foldsTenant whose facts are folded, besides those of no tenant; undefined: everybody's
 */
export async function rowChanges(
  db: Pick<Database, 'reader' | 'personalKeys'>,
  watched: Watched,
  range: { after: number; until: number; foldsTenant: string | undefined },
  visit: {
    before?: (tables: Database['reader']) => Promise<void>
    after?: (tables: Database['reader']) => Promise<void>
  } = {},
): Promise<RowChange[]> {
  const fold = await openFold(db, { tenantId: range.foldsTenant })
  try {
    await fold.advance(db.reader, range.after)
    await visit.before?.(fold.tables)
    await watch(fold.tables, watched)
    await fold.advance(db.reader, range.until)
    await visit.after?.(fold.tables)
    return await changesIn(fold.tables)
  } finally {
    await fold.close()
  }
}

/** Triggers see every change, whichever way a projection makes it. Each row says by which fact: `last_position`. */
async function watch(tables: Database['reader'], watched: Watched): Promise<void> {
  await sql`create table row_changes (
    id integer primary key, position, table_name, row_key, before, after)`.execute(tables)
  for (const projection of projections) {
    const { table, primaryKey } = projection
    if ('table' in watched && watched.table !== table) continue
    const isWatched =
      'table' in watched
        ? sql`new.${sql.ref(primaryKey)} = ${sql.lit(watched.key)}`
        : sql`new.tenant_id = ${sql.lit(watched.tenantId)}`
    const columns = await columnsOf(tables, projection)
    for (const action of ['insert', 'update'] as const) {
      const before = action === 'insert' ? sql`null` : jsonOf('old', columns)
      await sql`create trigger ${sql.ref(`${table}_${action}`)} after ${sql.raw(action)} on ${sql.table(table)}
        when ${isWatched} begin
          insert into row_changes (position, table_name, row_key, before, after) values (
            new.last_position, ${sql.lit(table)}, new.${sql.ref(primaryKey)}, ${before}, ${jsonOf('new', columns)});
        end`.execute(tables)
    }
  }
}

async function columnsOf(tables: Database['reader'], { table }: Projection): Promise<string[]> {
  const { rows } = await sql<{ name: string }>`select name from pragma_table_info(${table})`.execute(tables)
  return rows.map(({ name }) => name)
}

const jsonOf = (row: 'old' | 'new', columns: string[]) => {
  const members = columns.map((name) => sql`${sql.lit(name)}, ${sql.raw(row)}.${sql.ref(name)}`)
  return sql`json_object(${sql.join(members)})`
}

async function changesIn(tables: Database['reader']): Promise<RowChange[]> {
  const { rows } = await sql<{
    position: number
    table_name: string
    row_key: string
    before: string | null
    after: string
  }>`select position, table_name, row_key, before, after from row_changes order by id`.execute(tables)
  return rows.map(({ position, table_name, row_key, before, after }) => ({
    position,
    table: table_name,
    key: row_key,
    before: before === null ? null : JSON.parse(before),
    after: JSON.parse(after),
  }))
}
