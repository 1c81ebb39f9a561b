import { finalStatuses } from '../../../machines/onboarding-steps.ts'
import type { Trx } from '../../db/tables.ts'
import { settle } from '../../effects/effects.ts'
import type { Turn } from '../../effects/turn.ts'
import { AppError } from '../../errors.ts'
import type { Sighting } from '../../log/sighting.ts'
import { idOf } from '../../projections/read-value.ts'
import { pendingCall } from '../../session/calls.ts'
import { factsFromStripe, type Mirrored } from './from-stripe.ts'
import { dispatch, type Session, sessionOf } from './store.ts'

/** What the object says becomes facts of its tenant's open sessions, where the statechart takes them now. */
export async function tellSessions(turn: Turn, sighting: Sighting): Promise<void> {
  const { trx } = turn
  const rows = await trx
    .selectFrom('onboarding_sessions')
    .selectAll()
    .where('status', 'not in', finalStatuses)
    .where('tenant_id', '=', sighting.tenantId ?? '')
    .execute()
  for (const row of rows) {
    const session = await sessionOf(trx, row).catch(undefinedIfQuarantined)
    if (session !== undefined) await tellSession(turn, session, sighting)
  }
}

async function tellSession(turn: Turn, session: Session, sighting: Sighting): Promise<void> {
  const { trx, now } = turn
  const { factId, cause } = sighting
  let after = session
  for (const fact of factsFromStripe(session.snapshot, sighting, await mirroredOf(trx, sighting))) {
    if (!after.snapshot.can(fact)) continue
    const pending = pendingCall(after)
    const origin = { factId: `${factId}:${session.sessionId}:${fact.type}`, causation: cause }
    after = await dispatch(turn, after, fact, origin)
    // A webhook can be earlier than the answer to the call that it is about.
    if (pending !== null && pendingCall(after) === null) await settle(trx, pending.key, 'done', now)
  }
}

async function mirroredOf(trx: Trx, { objectType, object }: Sighting): Promise<Mirrored> {
  if (objectType === 'subscription') {
    const row = await trx
      .selectFrom('billing_subscriptions')
      .select('status')
      .where('subscription_id', '=', object.id)
      .executeTakeFirst()
    return { subscriptionStatus: row?.status }
  }
  if (objectType !== 'setup_intent') return {}
  const card = await trx
    .selectFrom('billing_payment_methods')
    .select('detached_at')
    .where('payment_method_id', '=', idOf(object.payment_method) ?? '')
    .executeTakeFirst()
  return { isCardRemoved: typeof card?.detached_at === 'string' }
}

/** It waits for an operator: the tables, and everybody else, must not wait with it. */
function undefinedIfQuarantined(error: unknown): Session | undefined {
  if (error instanceof AppError && error.code === 'session_quarantined') return undefined
  throw error
}
