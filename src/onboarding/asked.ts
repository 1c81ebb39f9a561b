import type { AppContext } from '../context.ts'
import { recordAnswer } from '../inbox/record-answer.ts'
import { applyToSession } from '../inbox/sessions/from-stripe.ts'
import type { Session } from '../inbox/sessions/store.ts'
import type { Caller } from '../log/by.ts'
import type { Observation } from '../stripe/gateway.ts'
import { loadOwnSession } from './access.ts'

/** Takes in what Stripe has answered to a question of a step: the session after it. */
export function takeIn(
  context: AppContext,
  caller: Caller,
  { sessionId, tenantId }: Session,
  seen: Observation,
): Promise<Session> {
  return context.transact(caller, async (turn) => {
    const cause = `${seen.objectId}:asked:${seen.asOf}`
    await recordAnswer(turn, tenantId, seen, cause)
    const session = await loadOwnSession(turn.trx, sessionId, caller)
    return applyToSession(turn, session, seen, cause)
  })
}
