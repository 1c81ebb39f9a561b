import type { Turn } from '../effects/turn.ts'
import { streams } from '../log/facts.ts'
import { type Observation, observationsIn } from '../stripe/gateway.ts'
import { observationFact } from './observation-fact.ts'
import { releaseParked } from './release.ts'

/**
 * Records what Stripe has answered about a tenant, and the objects inside the answer. A customer brings the events
 * with it that came before it was known.
 */
export async function recordAnswer(
  turn: Turn,
  tenantId: string,
  observation: Observation,
  cause: string,
): Promise<void> {
  const facts = observationsIn(observation).map((each) => observationFact(each, { cause, tenantId }))
  await turn.record(streams.billing(tenantId), facts)
  if (observation.objectType === 'customer') await releaseParked(turn, tenantId, observation.objectId)
}
