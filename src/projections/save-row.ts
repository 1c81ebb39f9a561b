import type { CompiledQuery } from 'kysely'
import { type TableRow, upsert } from '../db/table-rows.ts'
import type { Row, Tables, Trx } from '../db/tables.ts'

/** Inserts the row. Where there is one with its primary key, that one is replaced, or kept. */
export async function saveRow<T extends keyof Tables>(
  trx: Trx,
  table: T,
  primaryKey: keyof Row<T> & string,
  row: Row<T> & TableRow,
  present: 'replaced' | 'kept' = 'replaced',
): Promise<void> {
  const query = compiled(trx, `${table} ${present}`, () =>
    upsert(table, primaryKey, [row], present).compile(trx),
  )
  const columns: string[] = Object.keys(row).sort()
  await trx.executeQuery({ ...query, parameters: columns.map((name) => row[name]) })
}

const texts = new WeakMap<object, Map<string, CompiledQuery>>()

/** One text for all rows, which have all columns of their table: making it takes longer than running it. */
export function compiled(trx: Trx, name: string, compile: () => CompiledQuery): CompiledQuery {
  const { adapter } = trx.getExecutor()
  const queries = texts.get(adapter) ?? new Map<string, CompiledQuery>()
  texts.set(adapter, queries)
  const query = queries.get(name) ?? compile()
  queries.set(name, query)
  return query
}

/** Whether two rows show the same, whichever fact they are from: then the row stays as it is. */
export function sameRow(a: TableRow, b: TableRow | undefined): boolean {
  if (b === undefined) return false
  return Object.keys(a).every((column) => column === 'last_position' || a[column] === b[column])
}
