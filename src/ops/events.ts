import { setTimeout as sleep } from 'node:timers/promises'
import type { Reader } from '../db/tables.ts'
import type { Fact } from '../log/facts.ts'
import { factOf, type LogFilter, readPage } from '../log/read.ts'
import { aboutIn } from './about.ts'

/** A fact with its place in its stream's hash chain, and what it is about (see `aboutOf`). */
export type StoredFact = Fact & { previous_hash: string; hash: string; about: string | null }

export type EventsFilter = Pick<LogFilter, 'stream' | 'tenantId' | 'type' | 'after'> & {
  /** Ends after so many. */
  limit?: number | undefined
  /** Waits for more at the log's end, until `signal`. */
  follow: boolean
  signal: AbortSignal
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
