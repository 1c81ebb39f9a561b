import { z } from 'zod'
import { timeOut } from '../db/fields.ts'
import type { Reader } from '../db/tables.ts'
import type { Fact } from '../log/facts.ts'
import { factOf } from '../log/read.ts'
import { aboutIn } from './about.ts'

/** A fact as the reason of something. `causation`: the fact, or Stripe's event, that led to it. */
export const Cause = z
  .object({
    position: z.int(),
    type: z.string(),
    fact_id: z.string(),
    actor: z.string(),
    causation: z.string().nullable(),
    about: z.string().nullable().meta({
      description: "Stripe's event type and object, a decline's code, usage: what the type leaves out",
    }),
    event: z
      .object({ position: z.int(), event_id: z.string(), about: z.string().nullable() })
      .nullable()
      .meta({ description: 'The event of Stripe’s behind it, where `causation` names one' }),
    occurred_at: timeOut,
    stream: z.string(),
    version: z.int(),
  })
  .meta({ id: 'Cause' })
export type Cause = z.infer<typeof Cause>

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
