import type { Turn, TurnFact } from '../effects/turn.ts'
import { type Fact, streams } from '../log/facts.ts'
import { type Sighting, sightingIn } from '../log/sighting.ts'
import { takeApart } from '../log/take-apart.ts'
import { type Observation, observationsIn } from '../stripe/gateway.ts'
import { isSellers } from '../stripe/object-types.ts'
import { isChanged } from './catalogue/is-changed.ts'
import type { EventFact } from './event-fact.ts'
import { isFault } from './fault.ts'
import { listeners } from './listeners.ts'
import { ownerOf } from './owner.ts'
import { rowOf } from './row.ts'

/**
 * Stripe has answered, whoever asked: the objects, and those inside them, are recorded, the tables brought up to date, the
 * listeners told. What is sold is recorded where it differs from what the log has last. Returns the facts that are new.
 * @param of.cause of the facts' ids: the same cause again records nothing
 * @param of.tenantId whose the objects are, where the question said so. By default whose they are by what we know: one that
 *   is nobody's, or contradicts us, is left out
 */
export async function takeIn(
  turn: Turn,
  observations: readonly Observation[],
  of: { cause: string; tenantId?: string | null },
): Promise<Fact[]> {
  const facts: TurnFact<'stripe.object_observed'>[] = []
  for (const observation of observations) {
    const tenantId = await ownerIn(turn, observation, of.tenantId ?? undefined)
    if (tenantId !== undefined)
      facts.push(...observationsIn(observation).map((each) => observedFact(each, of.cause, tenantId)))
  }
  const recorded: Fact[] = []
  for (const [stream, group] of Map.groupBy(facts, streamOf))
    recorded.push(...(await turn.record(stream, group)))
  for (const fact of recorded) await tell(turn, fact, undefined)
  return recorded
}

/**
 * Stripe has sent an event, or one is released: likewise. What a listener throws is thrown: then nothing of the event is
 * kept, and it is for the caller to quarantine it. Returns whether the log did not have the fact.
 * @param from the listener that takes it in: it is not told of it
 */
export async function takeInEvent(turn: Turn, fact: EventFact, from?: string): Promise<boolean> {
  const before = await rowOf(turn.trx, fact.data.object_type, fact.data.object_id)
  const [recorded] = await turn.record(streamOf(fact), [fact])
  if (recorded === undefined) return false
  await tell(turn.as({ actor: 'stripe' }), recorded, before?.as_of, from)
  return true
}

/** Where the facts about an object are: with its tenant, or in the catalogue; what is about nobody that we know is apart. */
function streamOf(fact: EventFact | TurnFact<'stripe.object_observed'>): string {
  if (fact.tenant_id !== null) return streams.billing(fact.tenant_id)
  const isKept = fact.type === 'stripe.event_received' && !isOurs(fact.data.disposition)
  return isSellers(fact.data.object_type) && !isKept ? streams.catalog : streams.stripe
}
const isOurs = (disposition: Sighting['disposition']) =>
  disposition === 'applied' || disposition === 'refetched'

/** Null: the seller's. Undefined: it is left out. */
async function ownerIn(
  { trx, log }: Turn,
  observation: Observation,
  asker: string | undefined,
): Promise<string | null | undefined> {
  if (isSellers(observation.objectType)) return (await isChanged(trx, observation)) ? null : undefined
  if (asker !== undefined) return asker
  const { tenantId, conflict } = await ownerOf(trx, observation)
  if (conflict === null) return tenantId ?? undefined
  log.error({ object_id: observation.objectId, conflict }, 'an object contradicts its owner: it is left out')
  return undefined
}

function observedFact(
  { objectType, objectId, asOf, isDeleted, object }: Observation,
  cause: string,
  tenantId: string | null,
): TurnFact<'stripe.object_observed'> {
  const { safe, texts } = takeApart(object)
  return {
    fact_id: `${cause}:${objectId}:${asOf}`,
    type: 'stripe.object_observed',
    tenant_id: tenantId,
    data: {
      object_type: objectType,
      object_id: objectId,
      as_of: asOf,
      is_deleted: isDeleted,
      object: safe,
      personal: texts,
    },
    metadata: { causation: cause },
  }
}

/**
 * An answer is never lost: each listener has a savepoint of its own, and what one throws is told to it again, from the
 * outbox, where operators see why and how often it has failed.
 */
async function tell(turn: Turn, fact: Fact, before: number | undefined, from?: string): Promise<void> {
  const sighting = sightingIn(turn.trx, fact)
  if (sighting === undefined) return
  for (const [name, { on, hears = ['applied'], when }] of Object.entries(listeners)) {
    const isFor = on.includes(sighting.objectType) && hears.includes(sighting.disposition)
    if (!isFor || name === from) continue
    if (when !== undefined && !(await when(turn.trx, sighting, before))) continue
    if (sighting.event !== null) await tellOne(turn, name, fact)
    else
      await turn
        .part((part) => tellOne(part, name, fact))
        .catch((error) => {
          if (!isFault(error)) throw error
          turn.log.error(
            { err: error, listener: name, fact_id: fact.fact_id },
            'an answer leads to nothing yet',
          )
          return turn.enqueue({
            effectId: `tell:${name}:${fact.fact_id}`,
            tenantId: fact.tenant_id,
            stream: fact.stream,
            kind: 'tell_listener',
            params: { listener: name, fact_id: fact.fact_id },
          })
        })
  }
}

/** @param name of the listener; one that is gone since hears nothing any more */
export async function tellOne(turn: Turn, name: string, fact: Fact): Promise<void> {
  const sighting = sightingIn(turn.trx, fact)
  if (sighting !== undefined)
    await listeners[name]?.tell(turn, sighting, (within, more) => takeInEvent(within, more, name))
}
