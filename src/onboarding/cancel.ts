import type { OnboardingFact } from '../../machines/onboarding-facts.ts'
import type { AppContext } from '../context.ts'
import { dispatch, notAllowed, type Session, sessionStatus } from '../inbox/sessions/store.ts'
import type { Caller } from '../log/by.ts'
import { loadOwnSession } from './access.ts'

/** Ends a session that has no subscription; what it has reserved is free again. Again: the same answer. */
export async function cancel(context: AppContext, caller: Caller, sessionId: string): Promise<Session> {
  return context.transact(caller, async (turn) => {
    const session = await loadOwnSession(turn.trx, sessionId, caller)
    const fact = decideEnd(session)
    return fact === null ? session : dispatch(turn, session, fact, { factId: `${sessionId}:cancelled` })
  })
}

/** Null: it is cancelled already. @throws AppError step_not_allowed */
export function decideEnd(session: Session): OnboardingFact | null {
  if (sessionStatus(session) === 'cancelled') return null
  const cancelled: OnboardingFact = { type: 'onboarding.cancelled', data: { reason: 'requested' } }
  if (session.snapshot.can(cancelled)) return cancelled
  throw notAllowed(
    session,
    session.snapshot.context.subscription_id === null
      ? undefined
      : 'The session has a subscription: cancel that under /billing/subscriptions',
  )
}
