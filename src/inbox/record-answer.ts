import type { Trx } from '../db/tables.ts'
import { type By, metadataOf } from '../log/by.ts'
import { streams } from '../log/facts.ts'
import { record } from '../projections/record.ts'
import { type Observation, observationsIn } from '../stripe/gateway.ts'
import { observationFact } from './observation-fact.ts'
import { releaseParked } from './release.ts'

const worker = { actor: 'worker' }

/**
 * Records what Stripe has answered about a tenant, and the objects inside the answer. A customer brings the events
 * with it that came before it was known.
 */
export async function recordAnswer(
  trx: Trx,
  tenantId: string,
  observation: Observation,
  cause: string,
  now: string,
  by: By = worker,
): Promise<void> {
  const facts = observationsIn(observation).map((seen) =>
    observationFact(seen, {
      factId: `${cause}:${seen.objectId}:${seen.asOf}`,
      tenantId,
      metadata: metadataOf(by, { causation: cause }),
      occurredAt: now,
    }),
  )
  await record(trx, streams.billing(tenantId), 'any', facts, now)
  if (observation.objectType === 'customer') await releaseParked(trx, tenantId, observation.objectId, now)
}
