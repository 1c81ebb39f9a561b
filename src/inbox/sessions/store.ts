import type { OnboardingEffects } from '../../../machines/onboarding.ts'
import type { OnboardingFact } from '../../../machines/onboarding-facts.ts'
import type { SessionStatus } from '../../../machines/onboarding-steps.ts'
import type { Reader, Row } from '../../db/tables.ts'
import type { NewEffect } from '../../effects/effects.ts'
import type { Turn } from '../../effects/turn.ts'
import { AppError, NotFound } from '../../errors.ts'
import { streams } from '../../log/facts.ts'
import {
  allowedSteps,
  endingOf,
  evolveIfTaken,
  initialSnapshot,
  machineVersion,
  nextStepOf,
  type Snapshot,
  StrandedFact,
  statusOf,
} from '../../session/session.ts'
import { snapshotOf } from '../../session/snapshot.ts'

/** A session as it stands: its snapshot, and the version and position of its last fact. */
export type Session = {
  sessionId: string
  tenantId: string
  snapshot: Snapshot
  version: number
  lastPosition: number
  updatedAt: string
}

export const sessionStatus = (session: Session): SessionStatus => statusOf(session.snapshot) as SessionStatus

/** @throws NotFound; AppError session_quarantined when the log holds what this code's statechart cannot take */
export async function loadSession(reader: Reader, sessionId: string): Promise<Session> {
  return sessionOf(reader, await sessionRow(reader, sessionId))
}

/** @throws NotFound */
export async function sessionRow(reader: Reader, sessionId: string): Promise<Row<'onboarding_sessions'>> {
  const row = await reader
    .selectFrom('onboarding_sessions')
    .selectAll()
    .where('session_id', '=', sessionId)
    .executeTakeFirst()
  if (row === undefined) throw new NotFound('onboarding session')
  return row
}

/** As `loadSession`, from a row that was read already. */
export async function sessionOf(reader: Reader, row: Row<'onboarding_sessions'>): Promise<Session> {
  return {
    sessionId: row.session_id,
    tenantId: row.tenant_id,
    snapshot: await snapshotOf(reader, row).catch(quarantined),
    version: row.version,
    lastPosition: row.last_position,
    updatedAt: row.updated_at,
  }
}

/**
 * Records a fact of the session, with the effects that the statechart wants for it, and returns the session after it.
 * Where the fact is what a session had to wait for before it could end, it ends in the same turn.
 * @throws AppError step_not_allowed when the statechart does not take the fact now
 */
export async function dispatch(
  turn: Turn,
  session: Session,
  fact: OnboardingFact,
  origin: { factId: string; causation?: string },
): Promise<Session> {
  const evolved = evolveIfTaken(session.snapshot, fact)
  if (evolved === undefined) throw notAllowed(session)
  const { now } = turn
  const { factId, causation } = origin
  const { snapshot, effects } = evolved
  const stream = streams.onboarding(session.sessionId)
  const [recorded] = await turn.record(
    stream,
    [
      {
        ...fact,
        fact_id: factId,
        tenant_id: session.tenantId,
        metadata: { machine_version: machineVersion, ...(causation === undefined ? {} : { causation }) },
      },
    ],
    session.version,
    snapshot,
  )
  if (recorded === undefined) return session
  for (const effect of effects) {
    if (effect.type === 'callStripe') await turn.claim(callOf(session, factId, effect.params))
    else
      await wakeAt(
        turn,
        session,
        effect.type === 'expireAt' ? effect.params.due_at : hoursAfter(now, effect.params.hours),
      )
  }
  const after = {
    ...session,
    snapshot,
    version: recorded.version,
    lastPosition: recorded.position,
    updatedAt: now,
  }
  const ending = endingOf(session.snapshot, now) === null ? endingOf(snapshot, now) : null
  return ending === null ? after : end(turn, after, ending, factId)
}

/** The call that a fact of this id asks for. */
export const callOf = (
  { sessionId, tenantId }: Pick<Session, 'sessionId' | 'tenantId'>,
  factId: string,
  { call, session_id }: OnboardingEffects['callStripe'],
): NewEffect => ({
  effectId: factId,
  tenantId,
  stream: streams.onboarding(sessionId),
  kind: call,
  params: { fact_id: factId, session_id },
})

/** Records the end of a session that nobody has asked for. */
export const end = (turn: Turn, session: Session, fact: OnboardingFact, cause: string) =>
  dispatch(turn.as({ actor: 'worker' }), session, fact, {
    factId: `${session.sessionId}:ended`,
    causation: cause,
  })

/** Has the worker look at the session at that time, or earlier where it would have; see `sessionTimer`. */
export const wakeAt = (
  turn: Turn,
  { sessionId, tenantId }: Pick<Session, 'sessionId' | 'tenantId'>,
  dueAt: string,
) =>
  turn.wake({
    effectId: `expire:${sessionId}`,
    tenantId,
    stream: streams.onboarding(sessionId),
    kind: 'expire_session',
    params: { session_id: sessionId },
    dueAt,
  })

export const hoursAfter = (time: string, hours: number) =>
  new Date(Date.parse(time) + hours * 3_600_000).toISOString()

/** A session before its first fact. */
export const newSession = (sessionId: string, tenantId: string): Session => ({
  sessionId,
  tenantId,
  snapshot: initialSnapshot,
  version: 0,
  lastPosition: 0,
  updatedAt: '',
})

export function notAllowed(session: Session, message?: string): AppError {
  const status = sessionStatus(session)
  const next = nextStepOf(session.snapshot)
  const hadSubscription = session.snapshot.context.subscription_id !== null
  const over =
    hadSubscription && status !== 'completed'
      ? 'The subscription has ended before onboarding was complete; start a new session'
      : `This session is ${status}; start a new one`
  return new AppError(
    'step_not_allowed',
    message ??
      (next === null ? over : `This step is not possible in status ${status}; the next step is ${next}`),
    { details: { status, next_step: next, allowed_events: allowedSteps(session.snapshot) } },
  )
}

const quarantined = (error: unknown): never => {
  if (!(error instanceof StrandedFact)) throw error
  throw new AppError(
    'session_quarantined',
    'This session needs an operator: its history does not fit the present steps. Nothing is lost.',
    { cause: error },
  )
}
