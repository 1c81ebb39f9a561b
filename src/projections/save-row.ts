import { prepared } from '../db/prepared.ts'
import { type TableRow, upsert } from '../db/table-rows.ts'
import type { Row, Tables, Trx } from '../db/tables.ts'

/** Inserts the row, which has all columns of its table. Where there is one with its primary key, that one is replaced, or kept. */
export async function saveRow<T extends keyof Tables>(
  trx: Trx,
  table: T,
  primaryKey: keyof Row<T> & string,
  row: Row<T> & TableRow,
  present: 'replaced' | 'kept' = 'replaced',
): Promise<void> {
  const name = `${table} ${present}`
  const save =
    upserts.get(name) ??
    prepared((_, rows: { row: TableRow }) => upsert(table, primaryKey, [rows.row], present))
  upserts.set(name, save)
  await save(trx, { row })
}

const upserts = new Map<string, (trx: Trx, rows: { row: TableRow }) => Promise<unknown>>()

/** Whether two rows show the same, whichever fact they are from: then the row stays as it is. */
export function sameRow(a: TableRow, b: TableRow | undefined): boolean {
  if (b === undefined) return false
  return Object.keys(a).every((column) => column === 'last_position' || a[column] === b[column])
}
