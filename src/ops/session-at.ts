import { z } from 'zod'
import type { Database } from '../db/database.ts'
import { tableRow, timeOut } from '../db/fields.ts'
import { sessionRow } from '../inbox/sessions/store.ts'
import { openFold } from '../projections/fold.ts'
import { positionAt } from './past.ts'
import { rowsOfTenant } from './tenant-rows.ts'

export const SessionAt = z.object({
  session_id: z.string(),
  tenant_id: z.string(),
  position: z.int(),
  /** When the last fact up to there was recorded; null before the first. */
  time: timeOut.nullable(),
  /** Null: the session had not begun. */
  place: z.string().nullable(),
  context: z.record(z.string(), z.unknown()).nullable(),
  /** The tenant's rows, by table. */
  tables: z.record(z.string(), z.array(tableRow)),
})
export type SessionAt = z.infer<typeof SessionAt>

/**
 * The session and its tenant's rows as they were after a fact of the log, folded anew.
 * @throws NotFound; ImpossiblePast
 */
export async function sessionAt(db: Database, sessionId: string, position: number): Promise<SessionAt> {
  const { tenant_id } = await sessionRow(db.reader, sessionId)
  const until = await positionAt(db.reader, String(position))
  const fold = await openFold(db, { tenantId: tenant_id })
  try {
    await fold.advance(db.reader, until)
    const tables = await rowsOfTenant(fold.tables, tenant_id)
    const row = tables.onboarding_sessions?.find(({ session_id }) => session_id === sessionId)
    return {
      session_id: sessionId,
      tenant_id,
      position: until,
      time: await timeAt(db, until),
      place: row === undefined ? null : String(row.place),
      context: row === undefined ? null : JSON.parse(String(row.snapshot)).context,
      tables,
    }
  } finally {
    await fold.close()
  }
}

/** When the fact at a position was recorded; null for position 0. */
export async function timeAt({ reader }: Pick<Database, 'reader'>, position: number): Promise<string | null> {
  const row = await reader
    .selectFrom('billing_events')
    .select('recorded_at')
    .where('position', '=', position)
    .executeTakeFirst()
  return row?.recorded_at ?? null
}
