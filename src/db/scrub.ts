import { setTimeout as sleep } from 'node:timers/promises'
import { type Kysely, sql } from 'kysely'
import { faultOf } from './fault.ts'
import type { Tables } from './tables.ts'

/** The log of writes goes into the file, where the old pages are overwritten, and is cut off. */
export function scrubSqlite(writer: Kysely<Tables>): Promise<boolean> {
  // Between two groups of writers, whose connection it needs.
  return untilDone(async () => {
    const { rows } = await sql<{ busy: number }>`pragma wal_checkpoint(truncate)`.execute(writer)
    return rows[0]?.busy === 0
  })
}

/** A version of a row that a reader may still see cannot be removed: VACUUM comes when none is left. */
export async function scrubPostgres(
  pool: Kysely<Tables>,
  tables: readonly (keyof Tables)[],
): Promise<boolean> {
  const now = await sql<{ at: string }>`select clock_timestamp()::text as at`.execute(pool)
  const isFree = async () => {
    const { rows } = await sql`
      select 1 from pg_stat_activity
      where datname = current_database() and pid <> pg_backend_pid()
        and backend_xmin is not null and xact_start < ${now.rows[0]?.at}::timestamptz`.execute(pool)
    return rows.length === 0
  }
  const wasFree = await untilDone(isFree)
  await sql`vacuum ${sql.join(tables.map((name) => sql.table(name)))}`.execute(pool)
  return wasFree
}

const patienceMs = 2_000
const pauseMs = 50

async function untilDone(attempt: () => Promise<boolean>): Promise<boolean> {
  for (const giveUpAt = performance.now() + patienceMs; performance.now() < giveUpAt; await sleep(pauseMs)) {
    const isDone = await attempt().catch((error) => {
      if (faultOf(error) !== 'busy') throw error
      return false
    })
    if (isDone) return true
  }
  return false
}
