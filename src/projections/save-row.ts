import type { CompiledQuery } from 'kysely'
import type { NewRow, Row, Tables, Trx } from '../db/tables.ts'

/** Inserts the row. Where there is one with its primary key, that one is replaced, or kept. */
export async function saveRow<T extends keyof Tables>(
  trx: Trx,
  table: T,
  primaryKey: keyof Row<T> & string,
  row: Row<T>,
  present: 'replaced' | 'kept' = 'replaced',
): Promise<void> {
  const columns = Object.keys(row).sort() as (keyof Row<T> & string)[]
  const query = compiled(trx, `${table} ${present}`, () =>
    trx
      .insertInto(table)
      .values(Object.fromEntries(columns.map((name) => [name, row[name]])) as unknown as NewRow<T>)
      .onConflict((conflict) => {
        const where = conflict.column(primaryKey as never)
        if (present === 'kept') return where.doNothing()
        return where.doUpdateSet(
          (eb) =>
            Object.fromEntries(columns.map((name) => [name, eb.ref(`excluded.${name}` as never)])) as never,
        )
      })
      .compile(),
  )
  await trx.executeQuery({ ...query, parameters: columns.map((name) => row[name]) })
}

/** A row has all columns of its table, so one text serves all rows; making it takes longer than running it. */
const texts = new WeakMap<object, Map<string, CompiledQuery>>()

function compiled(trx: Trx, name: string, compile: () => CompiledQuery): CompiledQuery {
  const { adapter } = trx.getExecutor()
  const known = texts.get(adapter) ?? new Map<string, CompiledQuery>()
  texts.set(adapter, known)
  const query = known.get(name) ?? compile()
  known.set(name, query)
  return query
}

/** Whether two rows show the same, whichever fact they are from: then the row stays as it is. */
export function sameRow<R extends { last_position: number }>(a: R, b: R | undefined): boolean {
  if (b === undefined) return false
  return Object.keys(a).every((column) => {
    const name = column as keyof R
    return name === 'last_position' || a[name] === b[name]
  })
}
