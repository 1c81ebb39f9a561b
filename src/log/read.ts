import { prepared } from '../db/prepared.ts'
import type { Reader, Row } from '../db/tables.ts'
import type { Fact, FactType } from './facts.ts'

export type LogFilter = {
  stream?: string | undefined
  tenantId?: string | undefined
  /** With `tenantId`: the facts that belong to no tenant as well (catalogue, rates). */
  andTenantless?: boolean | undefined
  type?: string | undefined
  /** Facts after this position. Default 0. */
  after?: number | undefined
  /** Facts up to and with this position. */
  until?: number | undefined
}

/** The facts in the order of their positions, read page by page, so that a log of any length fits in memory. */
export async function* readFacts(
  reader: Reader,
  filter: LogFilter = {},
  pageSize = 1000,
): AsyncGenerator<Fact> {
  for await (const row of readRows(reader, filter, pageSize)) yield factOf(row)
}

/** As `readFacts`, the rows as they are stored. */
export async function* readRows(
  reader: Reader,
  filter: LogFilter = {},
  pageSize = 1000,
): AsyncGenerator<Row<'billing_events'>> {
  let after = filter.after ?? 0
  for (;;) {
    const page = await readPage(reader, { ...filter, after }, pageSize)
    yield* page
    const last = page.at(-1)
    if (last === undefined || page.length < pageSize) return
    after = last.position
  }
}

/** The first `limit` rows after `filter.after`. */
export async function readPage(
  reader: Reader,
  filter: LogFilter,
  limit: number,
): Promise<Row<'billing_events'>[]> {
  const { stream, tenantId, type, after = 0, until } = filter
  let query = reader.selectFrom('billing_events').selectAll().where('position', '>', after)
  if (stream !== undefined) query = query.where('stream', '=', stream)
  if (type !== undefined) query = query.where('type', '=', type)
  if (until !== undefined) query = query.where('position', '<=', until)
  if (tenantId !== undefined)
    query = filter.andTenantless
      ? query.where((eb) => eb.or([eb('tenant_id', '=', tenantId), eb('tenant_id', 'is', null)]))
      : query.where('tenant_id', '=', tenantId)
  return query.orderBy('position').limit(limit).execute()
}

/** @param type what the fact is, where that is known. @throws when the log has no such fact */
export async function factById(reader: Reader, factId: string): Promise<Fact>
export async function factById<T extends FactType>(reader: Reader, factId: string, type: T): Promise<Fact<T>>
export async function factById(reader: Reader, factId: string, type?: FactType): Promise<Fact> {
  const [row] = await rowsById(reader, [factId])
  if (row === undefined) throw new Error(`The log has no fact ${factId}`)
  return type === undefined ? factOf(row) : factOfType(row, type)
}

/** As `factById`; undefined when the log has no fact of this id. */
export async function findFact<T extends FactType>(
  reader: Reader,
  factId: string,
  type: T,
): Promise<Fact<T> | undefined> {
  return (await findFacts(reader, [factId], type))[0]
}

/** Those of these facts that the log has. */
export async function findFacts<T extends FactType>(
  reader: Reader,
  factIds: readonly string[],
  type: T,
): Promise<Fact<T>[]> {
  return (await rowsById(reader, factIds)).map((row) => factOfType(row, type))
}

function factOfType<T extends FactType>(row: Row<'billing_events'>, type: T): Fact<T>
function factOfType(row: Row<'billing_events'>, type: FactType): Fact {
  if (row.type !== type) throw new Error(`${row.fact_id} is ${row.type}, not ${type}`)
  return factOf(row)
}

const rowsById = async (reader: Reader, factIds: readonly string[]) =>
  (await withIds(reader, { factIds })).rows

const withIds = prepared((db, { factIds }: { factIds: readonly string[] }) =>
  db.selectFrom('billing_events').selectAll().where('fact_id', 'in', factIds),
)

/** The log's last position; 0 when it is empty. */
export async function lastPosition(reader: Reader): Promise<number> {
  const row = await reader
    .selectFrom('billing_events')
    .select((eb) => eb.fn.max('position').as('position'))
    .executeTakeFirst()
  return row?.position ?? 0
}

/** What was appended was checked against the catalogue, and the log cannot be changed: the type is trusted here. */
export function factOf(row: Row<'billing_events'>): Fact {
  const { data: text, metadata, previous_hash: _previous, hash: _hash, ...columns } = row
  const data = JSON.parse(text)
  if (row.subject !== null) data.personal = null
  return { ...columns, data, metadata: JSON.parse(metadata) } as unknown as Fact
}
