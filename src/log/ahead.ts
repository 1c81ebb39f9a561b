import type { Reader } from '../db/tables.ts'

const toleranceMs = 24 * 3_600_000

/**
 * A service whose clock is far behind its log would take what is over for what is to come: expired sessions would live,
 * and what was billed would fall due again.
 * @throws in words for the operator
 */
export async function assertNotAhead(reader: Reader, now: Date): Promise<void> {
  const last = await reader
    .selectFrom('billing_events')
    .select('recorded_at')
    .orderBy('position', 'desc')
    .limit(1)
    .executeTakeFirst()
  if (last === undefined || Date.parse(last.recorded_at) - now.getTime() <= toleranceMs) return
  throw new Error(
    `the log was last written at ${last.recorded_at}, and the clock says ${now.toISOString()}: set the clock ` +
      'right, or give the sandbox the file back that keeps its time, or start with --accept-clock',
  )
}
