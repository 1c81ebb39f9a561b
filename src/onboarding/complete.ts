import type { OnboardingFact } from '../../machines/onboarding-facts.ts'
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
    const fact = decideCompletion(session)
    return fact === null ? session : dispatch(turn, session, fact, { factId: `${sessionId}:completed` })
  })
}

/** Null: it is complete already. @throws AppError step_not_allowed */
export function decideCompletion(session: Session): OnboardingFact | null {
  if (sessionStatus(session) === 'completed') return null
  if (isWaiting(session))
    throw notAllowed(
      session,
      'The bank wants the customer to authenticate the first payment; finish that first',
    )
  const completed: OnboardingFact = { type: 'onboarding.completed', data: {} }
  if (!session.snapshot.can(completed)) throw notAllowed(session)
  return completed
}
