import { z } from 'zod'
import type { Database } from '../db/database.ts'
import { tableRow } from '../db/fields.ts'
import { rowsIn } from '../db/table-rows.ts'
import type { Reader } from '../db/tables.ts'
import { AppError, NotFound } from '../errors.ts'
import { lastPosition } from '../log/read.ts'
import { projections } from '../projections/project.ts'
import type { Projection } from '../projections/projection.ts'
import { Cause, causesAt } from './causes.ts'
import { ColumnChange, columnChanges, type RowChange, rowChanges } from './row-changes.ts'
import { linesBehind, WhyLine } from './why-lines.ts'

export const Why = z.object({
  table: z.string(),
  key: z.string(),
  column: z.string().nullable(),
  tenant_id: z.string().nullable(),
  row: tableRow.meta({ description: 'As the log makes it' }),
  /** In their order. Of a column: those that changed it. */
  facts: z.array(Cause.and(z.object({ changes: z.array(ColumnChange) }))),
  usage_lines: z
    .array(WhyLine)
    .nullable()
    .meta({ description: 'Of an invoice, a window or a line: our lines' }),
})
export type Why = z.infer<typeof Why>

/**
 * The facts that made a row, or one value of it.
 * @throws AppError invalid_request for a table or column that is none; NotFound for a row that the log does not make
 */
export async function why(db: Database, table: string, key: string, column?: string): Promise<Why> {
  const projection = projections.find((one) => one.table === table)
  if (projection === undefined)
    throw refused('table', `no table of the log's is called ${table}; there are ${tableNames.join(', ')}`)
  const changes = await changesOf(db, table, key, await owner(db.reader, projection, key))
  const last = changes.at(-1)
  if (last === undefined) throw new NotFound(`row ${key} in ${table}`)
  if (column !== undefined && !(column in last.after))
    throw refused('column', `${table} has no column ${column}; it has ${Object.keys(last.after).join(', ')}`)
  const causes = await causesAt(
    db.reader,
    changes.map(({ position }) => position),
  )
  const facts = changes.flatMap((change) => {
    const columns = columnChanges(change).filter((one) => column === undefined || one.column === column)
    const cause = causes.get(change.position)
    return columns.length === 0 || cause === undefined ? [] : [{ ...cause, changes: columns }]
  })
  const tenant_id = last.after.tenant_id === null ? null : String(last.after.tenant_id)
  return {
    table,
    key,
    column: column ?? null,
    tenant_id,
    row: last.after,
    facts,
    usage_lines: await linesBehind(db.reader, table, key, tenant_id),
  }
}

const tableNames = projections.map(({ table }) => table)

const refused = (path: string, message: string) =>
  new AppError('invalid_request', message, { details: { fields: [{ path, message }] } })

/** Whose facts to fold: null where the live table has no such row. A row of nobody's is a row of ''. */
async function owner(reader: Reader, { table, primaryKey }: Projection, key: string): Promise<string | null> {
  const row = await rowsIn(reader, table).where(primaryKey, '=', key).executeTakeFirst()
  return row === undefined ? null : String(row.tenant_id ?? '')
}

async function changesOf(
  db: Database,
  table: string,
  key: string,
  ofTenant: string | null,
): Promise<RowChange[]> {
  const range = { after: 0, until: await lastPosition(db.reader) }
  const changes =
    ofTenant === null ? [] : await rowChanges(db, { table, key }, { ...range, foldsTenant: ofTenant })
  // The live row is missing, or says that it is another tenant's: the whole log knows better.
  return changes.length > 0 ? changes : rowChanges(db, { table, key }, { ...range, foldsTenant: undefined })
}
