import { type RawBuilder, sql } from 'kysely'
import type { Reader, Trx } from '../db/tables.ts'
import type { UsageType } from '../log/facts.ts'
import { later } from './months.ts'
import { type Span, tilesOf } from './spans.ts'

/** Usage of one type of one tenant. What is voided is in none of what follows. */
export type Usage = { reader: Reader | Trx; tenantId: string; usageType: UsageType }

/** A time, and of what occurred in it that which stands in the log after one position and up to another; null: all. */
export type Stretch = Span & { after: number; upto: number | null }

export type SetRecord = { quantity: bigint; occurred_at: string; position: number }

/** The sum of the increments. What is told apart by positions must be late: that is read by an index of its own. */
export async function incrementsIn(usage: Usage, { after, upto, ...span }: Stretch): Promise<bigint> {
  const all = after === 0 ? await sumsIn(usage, span) : await lateIn(usage, span, after)
  return upto === null ? all : all - (await lateIn(usage, span, upto))
}

/** Whole hours and minutes by their sums, and only what is left at the two ends by its records. */
function sumsIn(usage: Usage, span: Span): Promise<bigint> {
  const parts = tilesOf(span).map(({ scale, from, to }) =>
    scale === 'record'
      ? sql`select quantity from billing_usage_records
          where ${ofUsage(usage)} and occurred_at >= ${from} and occurred_at < ${to}
            and action = 'increment' and voided_at is null`
      : sql`select cast(quantity as bigint) as quantity from billing_usage_sums
          where ${ofUsage(usage)} and scale = ${scale} and starts_at >= ${from} and starts_at < ${to}`,
  )
  return total(usage, sql`select sum(quantity) as total from (${sql.join(parts, sql` union all `)}) as parts`)
}

function lateIn(usage: Usage, { from, to }: Span, after: number): Promise<bigint> {
  return total(
    usage,
    sql`select sum(quantity) as total from billing_usage_records
      where ${ofUsage(usage)} and is_late = 1 and occurred_at >= ${from} and occurred_at < ${to}
        and position > ${after} and action = 'increment' and voided_at is null`,
  )
}

/** The sum of the increments of the instant of a `set` that stand after it. */
export function incrementsAt(usage: Usage, set: SetRecord, { upto }: Stretch): Promise<bigint> {
  return total(
    usage,
    sql`select sum(quantity) as total from billing_usage_records
      where ${ofUsage(usage)} and occurred_at = ${set.occurred_at}
        and position > ${set.position} and position <= ${upto ?? lastPosition}
        and action = 'increment' and voided_at is null`,
  )
}

/** The last of the `set`s, by the time at which they occurred and then by their order in the log. */
export async function lastSetIn(usage: Usage, stretch: Stretch): Promise<SetRecord | undefined> {
  const { from, to, after, upto } = stretch
  const { rows } = await sql<SetRow>`select quantity, occurred_at, position from billing_usage_records
    where ${ofUsage(usage)} and occurred_at >= ${from} and occurred_at < ${to}
      and position > ${after} and position <= ${upto ?? lastPosition} and ${isSet}
    order by occurred_at desc, position desc limit 1`.execute(usage.reader)
  return setRecord(rows)
}

/** The `set` that holds at an instant. */
export function setAt(usage: Usage, instant: string): Promise<SetRecord | undefined> {
  return lastSetIn(usage, { from: sinceEver, to: later(instant, 1), after: 0, upto: null })
}

/** The first of the highest `set`s; of several in one millisecond only the last holds. */
export async function highestSetIn(usage: Usage, { from, to }: Span): Promise<SetRecord | undefined> {
  const { rows } =
    await sql<SetRow>`select quantity, occurred_at, position from billing_usage_records as steps
    where ${ofUsage(usage)} and occurred_at >= ${from} and occurred_at < ${to} and ${isSet}
      and not exists (
        select 1 from billing_usage_records as others
        where ${ofUsage(usage)} and others.occurred_at = steps.occurred_at and others.position > steps.position
          and ${isSet})
    order by quantity desc, occurred_at limit 1`.execute(usage.reader)
  return setRecord(rows)
}

/** How many `set`s there are, and their sum. */
export async function setsIn(usage: Usage, { from, to }: Span): Promise<{ count: number; quantity: bigint }> {
  const { rows } = await sql<{ count: number; total: string | null }>`
    select count(*) as count, cast(sum(quantity) as text) as total from billing_usage_records
    where ${ofUsage(usage)} and occurred_at >= ${from} and occurred_at < ${to} and ${isSet}`.execute(
    usage.reader,
  )
  return { count: rows[0]?.count ?? 0, quantity: BigInt(rows[0]?.total ?? 0) }
}

const sinceEver = new Date(0).toISOString()

const lastPosition = Number.MAX_SAFE_INTEGER

/** In these words: the index of `set`s is taken for a query that repeats its condition. */
const isSet = sql`action = 'set' and voided_at is null`

const ofUsage = ({ tenantId, usageType }: Usage) => sql`tenant_id = ${tenantId} and usage_type = ${usageType}`

type SetRow = { quantity: number; occurred_at: string; position: number }

const setRecord = ([row]: SetRow[]): SetRecord | undefined =>
  row && { ...row, quantity: BigInt(row.quantity) }

/** Read as text: it may pass 2^53. */
async function total({ reader }: Usage, sums: RawBuilder<unknown>): Promise<bigint> {
  const { rows } = await sql<{ total: string | null }>`
    select cast(total as text) as total from (${sums}) as sums`.execute(reader)
  return BigInt(rows[0]?.total ?? 0)
}
