import type { TurnFact } from '../effects/turn.ts'
import { type JsonObject, takeApart } from '../log/take-apart.ts'
import type { Observation } from '../stripe/gateway.ts'

/** The observation as a fact. @param about.cause of its id, which makes it idempotent */
export function observationFact(
  observation: Observation,
  about: { cause: string; tenantId: string | null },
): TurnFact<'stripe.object_observed'> {
  const { objectType, objectId, asOf, isDeleted } = observation
  const { safe, texts } = takeApart(observation.object as JsonObject)
  return {
    fact_id: `${about.cause}:${objectId}:${asOf}`,
    type: 'stripe.object_observed',
    tenant_id: about.tenantId,
    data: {
      object_type: objectType,
      object_id: objectId,
      as_of: asOf,
      is_deleted: isDeleted,
      object: safe,
      personal: texts,
    },
    metadata: { causation: about.cause },
  }
}
