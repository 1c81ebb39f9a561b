import { type ExpressionBuilder, sql } from 'kysely'
import type { Reader, Tables } from '../db/tables.ts'
import { timerKinds } from '../effects/kinds.ts'
import { maskText } from '../logging/mask.ts'

export type OutboxGauges = {
  /** Calls to Stripe. */
  effectsByStatus: Record<string, number>
  /** What waits for its time alone, such as a session's end. */
  timers: number
  retrying: Retrying
}

/** Calls that have failed at least once, and are tried again. */
type Retrying = {
  count: number
  byKind: Record<string, number>
  /** When the oldest of them was asked for. */
  since: string | null
  /** The latest. */
  last_error: string | null
}

type Effects = ExpressionBuilder<Tables, 'effects'>

export const isTimer = (eb: Effects) => eb('kind', 'in', [...timerKinds])

/** A first attempt that is under way is no retry; one that a crash broke off is. */
export const isRetrying = (eb: Effects) =>
  eb.and([
    eb('status', '=', 'pending'),
    eb.not(isTimer(eb)),
    eb.or([eb('attempts', '>', 1), eb('last_error', 'is not', null)]),
  ])

/** What the outbox holds at the moment: calls apart from timers, since an outage shows in the one and not in the other. */
export async function outboxGauges(reader: Reader): Promise<OutboxGauges> {
  const all = await reader
    .selectFrom('effects')
    .select((eb) => [
      'status',
      'kind',
      eb.fn.countAll<number>().as('count'),
      sql<number>`sum(case when ${isRetrying(eb)} then 1 else 0 end)`.as('retrying'),
      sql<string | null>`min(case when ${isRetrying(eb)} then created_at end)`.as('since'),
    ])
    .groupBy(['status', 'kind'])
    .execute()
  const effectsByStatus: Record<string, number> = {}
  const retrying: Retrying = { count: 0, byKind: {}, since: null, last_error: null }
  let timers = 0
  for (const row of all) {
    const count = Number(row.count)
    const retries = Number(row.retrying)
    if (timerKinds.some((kind) => kind === row.kind)) timers += row.status === 'pending' ? count : 0
    else effectsByStatus[row.status] = (effectsByStatus[row.status] ?? 0) + count
    if (retries === 0) continue
    retrying.count += retries
    retrying.byKind[row.kind] = (retrying.byKind[row.kind] ?? 0) + retries
    if (retrying.since === null || (row.since !== null && row.since < retrying.since))
      retrying.since = row.since
  }
  if (retrying.count > 0) retrying.last_error = await lastError(reader)
  return { effectsByStatus, timers, retrying }
}

async function lastError(reader: Reader): Promise<string | null> {
  const row = await reader
    .selectFrom('effects')
    .select('last_error')
    .where(isRetrying)
    .where('last_error', 'is not', null)
    .orderBy('updated_at', 'desc')
    .limit(1)
    .executeTakeFirst()
  return row?.last_error ? maskText(row.last_error) : null
}
