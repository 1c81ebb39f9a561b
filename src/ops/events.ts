import { setTimeout as sleep } from 'node:timers/promises'
import { z } from 'zod'
import type { Page } from '../db/page.ts'
import type { Reader } from '../db/tables.ts'
import type { Fact } from '../log/facts.ts'
import { factOf, type LogFilter, readPage } from '../log/read.ts'
import { aboutIn } from './about.ts'
import { RedactedFact, redact } from './redact.ts'

/** A fact with its place in its stream's hash chain, and what it is about (see `aboutOf`). */
export type StoredFact = Fact & { previous_hash: string; hash: string; about: string | null }

type EventsFilter = Pick<LogFilter, 'stream' | 'tenantId' | 'type' | 'after'> & {
  /** Ends after so many. */
  limit?: number | undefined
  /** Waits for more at the log's end, until `signal`. */
  follow: boolean
  signal: AbortSignal
}

export const LogEntry = RedactedFact.and(z.object({ previous_hash: z.string(), hash: z.string() }))
export type LogEntry = z.infer<typeof LogEntry>

export function logEntry(fact: StoredFact): LogEntry {
  const { previous_hash, hash, about } = fact
  return { ...redact(fact), about, previous_hash, hash }
}

/** A page of the log, oldest first: `next_cursor` goes into `after`. */
export async function listEvents(
  reader: Reader,
  filter: Omit<EventsFilter, 'limit' | 'follow'>,
  limit: number,
): Promise<Page<LogEntry>> {
  const facts = await Array.fromAsync(streamEvents(reader, { ...filter, limit: limit + 1, follow: false }))
  const items = facts.slice(0, limit).map(logEntry)
  return { items, next_cursor: facts.length > limit ? String(items.at(-1)?.position) : null }
}

/** The log in its order, page by page. */
export async function* streamEvents(reader: Reader, filter: EventsFilter): AsyncGenerator<StoredFact> {
  const { follow, signal } = filter
  let after = filter.after ?? 0
  let remaining = filter.limit ?? Number.POSITIVE_INFINITY
  while (remaining > 0 && !signal.aborted) {
    const wanted = Math.min(pageSize, remaining)
    const page = await readPage(reader, { ...filter, after }, wanted)
    for (const row of page) {
      const fact = factOf(row)
      const { previous_hash, hash } = row
      yield { ...fact, previous_hash, hash, about: await aboutIn(reader, fact) }
      if (signal.aborted) return
      after = row.position
    }
    remaining -= page.length
    if (page.length === wanted) continue
    if (!follow) return
    await sleep(pollMs, undefined, { signal }).catch(() => {})
  }
}

const pageSize = 500
const pollMs = 500
