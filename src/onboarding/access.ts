import type { CallingStep } from '../../machines/onboarding-steps.ts'
import type { AppContext } from '../context.ts'
import type { Reader } from '../db/tables.ts'
import type { Turn } from '../effects/turn.ts'
import { Conflict, NotFound } from '../errors.ts'
import { callOf, loadSession, type Session } from '../inbox/sessions/store.ts'
import type { Caller } from '../log/by.ts'
import { assertNotErased } from '../projections/tenants.ts'
import { pendingCall } from '../session/calls.ts'

/**
 * As `loadSession`, for a caller: another tenant's session does not exist, nor does that of one that was erased.
 * @throws NotFound
 */
export async function loadOwnSession(reader: Reader, sessionId: string, caller: Caller): Promise<Session> {
  const session = await loadSession(reader, sessionId)
  const isTheirs =
    (caller.tenantId === null || caller.tenantId === session.tenantId) &&
    (caller.sessionId === null || caller.sessionId === session.sessionId)
  if (!isTheirs) throw new NotFound('onboarding session')
  await assertNotErased(reader, session.tenantId)
  return session
}

/**
 * The way of a step that calls Stripe: in one turn `decide` records the fact that asks for the call, unless there is
 * nothing to do (any more), or it is under way already; then the call is made. Returns the session after it.
 */
export async function takeStep(
  context: AppContext,
  caller: Caller,
  sessionId: string,
  call: CallingStep['call']['request'],
  decide: (turn: Turn, session: Session) => Session | Promise<Session>,
): Promise<Session> {
  const decided = await context.transact(caller, async (turn) => {
    const session = await loadOwnSession(turn.trx, sessionId, caller)
    const pending = pendingCall(session)
    if (pending?.params.call !== call) return decide(turn, session)
    // Should its effect not be there any more.
    await turn.claim(callOf(session, pending.key, pending.params))
    return session
  })
  const pending = pendingCall(decided)
  if (pending?.params.call !== call) return decided
  await context.effects.run(pending.key)
  return loadOwnSession(context.db.reader, sessionId, caller)
}

/** Another process has carried the step out meanwhile and was refused: this request, sent again, is told why. */
export const refusedElsewhere = () =>
  new Conflict('This step was refused a moment ago; send the request again')
