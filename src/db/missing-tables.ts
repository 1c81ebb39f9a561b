import { sql } from 'kysely'
import type { Database } from './database.ts'
import { tableNames, viewNames } from './tables.ts'

/** The tables and views of the schema that are not there: dropped by hand, or never made. */
export async function missingTables({
  reader,
  dialect,
}: Pick<Database, 'reader' | 'dialect'>): Promise<string[]> {
  const all = [...tableNames, ...viewNames]
  const names = sql.join(all)
  const { rows } = await (dialect === 'sqlite'
    ? sql<{
        name: string
      }>`select name from sqlite_schema where type in ('table', 'view') and name in (${names})`
    : sql<{ name: string }>`select relname as name from pg_class
        where relkind in ('r', 'p', 'v', 'm') and pg_table_is_visible(oid) and relname in (${names})`
  ).execute(reader)
  const present = new Set(rows.map(({ name }) => name))
  return all.filter((name) => !present.has(name))
}
