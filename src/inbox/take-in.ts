import type { Logger } from 'pino'
import type { Trx } from '../db/tables.ts'
import type { Observation } from '../stripe/gateway.ts'
import { invoiceUsage } from './invoice-usage.ts'
import { recordAnswer } from './record-answer.ts'
import { tellSessions } from './sessions/tell-sessions.ts'

const by = { actor: 'worker' }

/**
 * Takes in what Stripe has answered about a tenant's object, as an event about it would be: records it, puts usage on a
 * renewal's draft, and tells the sessions. @param about.cause the id of the effect that has asked
 */
export async function takeIn(
  trx: Trx,
  observation: Observation,
  about: { tenantId: string; customerId: string | null; cause: string; now: string; log: Logger },
): Promise<void> {
  const { tenantId, customerId, cause, now, log } = about
  const { objectType, object } = observation
  await recordAnswer(trx, tenantId, observation, cause, now)
  if (objectType === 'invoice') await invoiceUsage(trx, { tenantId, object, cause }, now, log)
  await tellSessions(trx, { ...observation, tenantId, customerId }, { by, now, cause })
}
