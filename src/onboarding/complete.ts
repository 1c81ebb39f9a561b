import type { AppContext } from '../context.ts'
import { dispatch, notAllowed, type Session, sessionStatus } from '../inbox/sessions/store.ts'
import type { Caller } from '../log/by.ts'
import { loadOwnSession } from './access.ts'
import { askForAuthentication, isWaiting } from './authentication.ts'

/** Step 6: the tenant is ready. A subscription that waits for the bank is asked for at Stripe first. */
export async function complete(context: AppContext, caller: Caller, sessionId: string): Promise<Session> {
  await askForAuthentication(context, caller, await loadOwnSession(context.db.reader, sessionId, caller))
  return context.transact(caller, async (turn) => {
    const session = await loadOwnSession(turn.trx, sessionId, caller)
    if (sessionStatus(session) === 'completed') return session
    if (isWaiting(session))
      throw notAllowed(
        session,
        'The bank wants the customer to authenticate the first payment; finish that first',
      )
    const completed = { type: 'onboarding.completed', data: {} } as const
    return dispatch(turn, session, completed, { factId: `${sessionId}:completed` })
  })
}
