import type { AppContext } from '../context.ts'
import type { Session } from '../inbox/sessions/store.ts'
import { takeIn } from '../inbox/take-in.ts'
import type { Caller } from '../log/by.ts'
import type { Observation } from '../stripe/gateway.ts'
import { loadOwnSession } from './access.ts'

/** Takes in what Stripe has answered to a question of a step: the session after it. */
export function afterAnswer(
  context: AppContext,
  caller: Caller,
  { sessionId, tenantId, version }: Session,
  observation: Observation,
): Promise<Session> {
  return context.transact(caller, async (turn) => {
    await takeIn(turn, [observation], { cause: `${sessionId}:answer:${version}`, tenantId })
    return loadOwnSession(turn.trx, sessionId, caller)
  })
}
