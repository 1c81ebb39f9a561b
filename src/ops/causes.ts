import type { Reader } from '../db/tables.ts'
import { factOf } from '../log/read.ts'

/** A fact as the reason of something. */
export type Cause = {
  position: number
  type: string
  fact_id: string
  actor: string
  /** The fact, or Stripe's event, that led to it. */
  causation: string | null
  occurred_at: string
  stream: string
  version: number
}

/** The facts at these positions. */
export async function causesAt(reader: Reader, positions: Iterable<number>): Promise<Map<number, Cause>> {
  const wanted = [...new Set(positions)]
  const causes = new Map<number, Cause>()
  for (let start = 0; start < wanted.length; start += 1000) {
    const rows = await reader
      .selectFrom('billing_events')
      .selectAll()
      .where('position', 'in', wanted.slice(start, start + 1000))
      .execute()
    for (const row of rows) {
      const { position, type, fact_id, metadata, occurred_at, stream, version } = factOf(row)
      const { actor, causation = null } = metadata
      causes.set(position, { position, type, fact_id, actor, causation, occurred_at, stream, version })
    }
  }
  return causes
}
