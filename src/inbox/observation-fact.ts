import type { NewFact } from '../log/facts.ts'
import { type JsonObject, takeApart } from '../log/take-apart.ts'
import type { Observation } from '../stripe/gateway.ts'

/** The observation as a fact. @param factId makes it idempotent */
export function observationFact(
  observation: Observation,
  about: { factId: string; tenantId: string | null; metadata: NewFact['metadata']; occurredAt: string },
): NewFact<'stripe.object_observed'> {
  const { safe, texts } = takeApart(observation.object as JsonObject)
  return {
    fact_id: about.factId,
    type: 'stripe.object_observed',
    tenant_id: about.tenantId,
    data: {
      object_type: observation.objectType,
      object_id: observation.objectId,
      as_of: observation.asOf,
      is_deleted: observation.isDeleted,
      object: safe,
      personal: texts,
    },
    metadata: about.metadata,
    occurred_at: about.occurredAt,
  }
}
