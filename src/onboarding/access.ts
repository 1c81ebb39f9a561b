import type { AppContext } from '../context.ts'
import type { Reader } from '../db/tables.ts'
import type { Turn } from '../effects/turn.ts'
import { Conflict, NotFound } from '../errors.ts'
import { loadSession, type Session } from '../inbox/sessions/store.ts'
import type { Caller } from '../log/by.ts'
import { assertNotErased } from '../projections/tenants.ts'

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
 * The way of a step: `decide` records the fact that asks for the call and returns the call's key, or null when there
 * is nothing to do (any more); the call is made; what it led to is read.
 */
export async function takeStep(
  context: AppContext,
  caller: Caller,
  sessionId: string,
  decide: (turn: Turn, session: Session) => Promise<string | null>,
): Promise<Session> {
  const key = await context.transact(caller, async (turn) =>
    decide(turn, await loadOwnSession(turn.trx, sessionId, caller)),
  )
  if (key !== null) await context.effects.run(key)
  return loadOwnSession(context.db.reader, sessionId, caller)
}

/** Another process has carried the step out meanwhile and was refused: this request, sent again, is told why. */
export const refusedElsewhere = () =>
  new Conflict('This step was refused a moment ago; send the request again')
