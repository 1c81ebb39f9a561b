import type { Logger } from 'pino'
import type { Turn } from '../effects/turn.ts'
import type { Observation } from '../stripe/gateway.ts'
import { invoiceUsage } from './invoice-usage.ts'
import { recordAnswer } from './record-answer.ts'
import { tellSessions } from './sessions/tell-sessions.ts'

/**
 * Takes in what Stripe has answered about a tenant's object, as an event about it would be: records it, puts usage on a
 * renewal's draft, and tells the sessions. @param about.cause the id of the effect that has asked
 */
export async function takeIn(
  turn: Turn,
  observation: Observation,
  about: { tenantId: string; customerId: string | null; cause: string; log: Logger },
): Promise<void> {
  const { tenantId, customerId, cause, log } = about
  const { objectType, object } = observation
  await recordAnswer(turn, tenantId, observation, cause)
  if (objectType === 'invoice') await invoiceUsage(turn, { tenantId, object, cause }, log)
  await tellSessions(turn, { ...observation, tenantId, customerId }, cause)
}
