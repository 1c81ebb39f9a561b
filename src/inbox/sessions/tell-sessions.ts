import { finalStatuses } from '../../../machines/onboarding-steps.ts'
import type { Turn } from '../../effects/turn.ts'
import { AppError } from '../../errors.ts'
import type { StripeObjectType } from '../../stripe/object-types.ts'
import { applyToSession } from './from-stripe.ts'
import { type Session, sessionOf } from './store.ts'

/** An object of Stripe's as an event or an answer shows it, and whose it is. */
export type SeenObject = {
  objectType: StripeObjectType
  object: object
  isDeleted: boolean
  tenantId: string | null
  customerId: string | null
}

/**
 * What was seen becomes a fact of the onboarding sessions that it is about, if the statechart takes it now: those of the
 * same customer, and the one whose own call has made the object.
 * @param cause the id of Stripe's event, or of the effect that has asked
 */
export async function tellSessions(turn: Turn, seen: SeenObject, cause: string): Promise<void> {
  const { trx } = turn
  const { object } = seen
  const metadata = 'metadata' in object ? (object.metadata as Record<string, string> | null) : null
  const rows = await trx
    .selectFrom('onboarding_sessions')
    .selectAll()
    .where('status', 'not in', finalStatuses)
    .where('tenant_id', '=', seen.tenantId ?? '')
    .where((eb) =>
      eb.or([
        eb('customer_id', '=', seen.customerId ?? ''),
        eb('session_id', '=', metadata?.session_id ?? ''),
      ]),
    )
    .execute()
  for (const row of rows) {
    const session = await sessionOf(trx, row).catch(undefinedIfQuarantined)
    if (session !== undefined) await applyToSession(turn, session, seen, `${cause}:${row.session_id}`)
  }
}

/** It waits for an operator: the tables, and everybody else, must not wait with it. */
function undefinedIfQuarantined(error: unknown): Session | undefined {
  if (error instanceof AppError && error.code === 'session_quarantined') return undefined
  throw error
}
