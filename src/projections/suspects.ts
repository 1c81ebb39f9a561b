import { sql } from 'kysely'
import type { Reader } from '../db/tables.ts'

/** A row that may differ from what the log makes it. */
export type Suspect = { table: string; key: string }

/** Rows to be looked at, each once; kept in a database, for there may be as many as the log has facts. */
export type Suspects = {
  add(table: string, keys: readonly string[]): Promise<void>
  /** The first `limit` that are not done, table by table. */
  page(limit: number): Promise<Suspect[]>
  done(page: readonly Suspect[]): Promise<void>
}

/** @param scratch a SQLite database of one's own */
export async function openSuspects(scratch: Reader): Promise<Suspects> {
  await sql`create table suspects (table_name text, row_key text, primary key (table_name, row_key))
    without rowid`.execute(scratch)
  return {
    async add(table, keys) {
      await sql`insert or ignore into suspects
        select ${table}, value from json_each(${JSON.stringify(keys)})`.execute(scratch)
    },
    async page(limit) {
      const { rows } = await sql<Suspect>`select table_name as "table", row_key as "key" from suspects
        order by table_name, row_key limit ${limit}`.execute(scratch)
      return rows
    },
    async done(page) {
      const last = page.at(-1)
      if (last === undefined) return
      await sql`delete from suspects
        where (table_name, row_key) <= (${last.table}, ${last.key})`.execute(scratch)
    },
  }
}
