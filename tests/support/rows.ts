import type { Kysely } from 'kysely'
import type { Reader } from '../../src/db/tables.ts'
import { projections } from '../../src/projections/project.ts'

/** Every projected table's rows in the order of their keys, without `last_position`. */
export async function projectedRows(reader: Reader): Promise<Record<string, object[]>> {
  const tables: Record<string, object[]> = {}
  for (const { table, primaryKey } of projections) {
    const any = reader as unknown as Kysely<Record<string, Record<string, unknown>>>
    const rows = await any.selectFrom(table).selectAll().execute()
    const byKey = rows.map(({ last_position: _, ...row }) => row)
    tables[table] = byKey.sort((a, b) => (String(a[primaryKey]) < String(b[primaryKey]) ? -1 : 1))
  }
  return tables
}
