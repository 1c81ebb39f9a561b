import type { Reader } from '../db/tables.ts'
import type { Fact } from '../log/facts.ts'
import { factOf } from '../log/read.ts'
import { aboutIn } from './about.ts'

/** A fact as the reason of something. */
export type Cause = {
  position: number
  type: string
  fact_id: string
  actor: string
  /** The fact, or Stripe's event, that led to it. */
  causation: string | null
  /** What the fact says beside its type; see `aboutOf`. */
  about: string | null
  /** The event of Stripe's behind it, where its causation names one: of a refresh, the event that asked for it. */
  event: { position: number; event_id: string; about: string | null } | null
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
    const facts = rows.map(factOf)
    const events = await eventsBehind(reader, facts)
    for (const fact of facts) {
      const { position, type, fact_id, metadata, occurred_at, stream, version } = fact
      const { actor, causation = null } = metadata
      causes.set(position, {
        ...{ position, type, fact_id, actor, causation, occurred_at, stream, version },
        about: await aboutIn(reader, fact),
        event: events.get(eventIdIn(causation) ?? '') ?? null,
      })
    }
  }
  return causes
}

/** Of a refresh it is at the end, after the effect's name: `refresh:in_…:evt_…`. */
const eventIdIn = (causation: string | null | undefined) => causation?.match(/(?:^|:)(evt_\w+)/)?.[1]

async function eventsBehind(
  reader: Reader,
  facts: readonly Fact[],
): Promise<Map<string, NonNullable<Cause['event']>>> {
  const ids = [...new Set(facts.flatMap(({ metadata }) => eventIdIn(metadata.causation) ?? []))]
  const events = new Map<string, NonNullable<Cause['event']>>()
  if (ids.length === 0) return events
  const rows = await reader.selectFrom('billing_events').selectAll().where('fact_id', 'in', ids).execute()
  for (const fact of rows.map(factOf)) {
    const { position, fact_id } = fact
    events.set(fact_id, { position, event_id: fact_id, about: await aboutIn(reader, fact) })
  }
  return events
}
