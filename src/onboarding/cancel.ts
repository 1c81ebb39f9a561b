import type { AppContext } from '../context.ts'
import { dispatch, notAllowed, type Session, sessionStatus } from '../inbox/sessions/store.ts'
import type { Caller } from '../log/by.ts'
import { loadOwnSession } from './access.ts'

/** Ends a session that has no subscription; what it has reserved is free again. Again: the same answer. */
export async function cancel(context: AppContext, caller: Caller, sessionId: string): Promise<Session> {
  return context.transact(caller, async (turn) => {
    const session = await loadOwnSession(turn.trx, sessionId, caller)
    if (sessionStatus(session) === 'cancelled') return session
    const cancelled = { type: 'onboarding.cancelled', data: { reason: 'requested' } } as const
    if (!session.snapshot.can(cancelled))
      throw notAllowed(
        session,
        session.snapshot.context.subscription_id === null
          ? undefined
          : 'The session has a subscription: cancel that under /billing/subscriptions',
      )
    return dispatch(turn, session, cancelled, { factId: `${sessionId}:cancelled` })
  })
}
