import type { OnboardingFact, OnboardingFactType } from '../../../machines/onboarding-facts.ts'
import type { SessionStatus, StepName } from '../../../machines/onboarding-steps.ts'
import type { Reader, Row, Trx } from '../../db/tables.ts'
import { type Effect, enqueue, setTimer } from '../../effects/effects.ts'
import { AppError, NotFound } from '../../errors.ts'
import { type By, metadataOf } from '../../log/by.ts'
import { type NewFact, streams } from '../../log/facts.ts'
import { record } from '../../projections/record.ts'
import {
  allowedSteps,
  endingOf,
  evolve,
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
  const row = await reader
    .selectFrom('onboarding_sessions')
    .selectAll()
    .where('session_id', '=', sessionId)
    .executeTakeFirst()
  if (row === undefined) throw new NotFound('onboarding session')
  return sessionOf(reader, row)
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
  trx: Trx,
  session: Session,
  fact: OnboardingFact,
  about: { by: By; now: string; factId: string; causation?: string },
): Promise<Session> {
  if (!session.snapshot.can(fact)) throw notAllowed(session)
  const { snapshot, effects } = evolve(session.snapshot, fact)
  const stream = streams.onboarding(session.sessionId)
  const [recorded] = await record(
    trx,
    stream,
    session.version,
    [
      {
        ...fact,
        fact_id: about.factId,
        tenant_id: session.tenantId,
        metadata: metadataOf(about.by, {
          machine_version: machineVersion,
          ...(about.causation === undefined ? {} : { causation: about.causation }),
        }),
        occurred_at: about.now,
      } as NewFact<OnboardingFactType>,
    ],
    about.now,
  )
  if (recorded === undefined) return session
  const scope = { tenantId: session.tenantId, stream }
  for (const effect of effects) {
    if (effect.type === 'callStripe')
      await enqueue(
        trx,
        { ...scope, effectId: about.factId, kind: 'onboarding_call', params: {} },
        afterTheRequest(about.now),
        about.now,
      )
    else {
      const dueAt =
        effect.type === 'expireAt' ? effect.params.due_at : hoursAfter(about.now, effect.params.hours)
      await wakeAt(trx, session, dueAt, about.now)
    }
  }
  const after = {
    ...session,
    snapshot,
    version: recorded.version,
    lastPosition: recorded.position,
    updatedAt: about.now,
  }
  const ending = endingOf(session.snapshot, about.now) === null ? endingOf(snapshot, about.now) : null
  return ending === null ? after : end(trx, after, ending, { now: about.now, cause: about.factId })
}

/** Records the end of a session that nobody has asked for. */
export const end = (
  trx: Trx,
  session: Session,
  fact: OnboardingFact,
  about: { now: string; cause: string },
) =>
  dispatch(trx, session, fact, {
    by: { actor: 'worker' },
    now: about.now,
    factId: `${session.sessionId}:ended`,
    causation: about.cause,
  })

/** Has the worker look at the session at that time, or earlier where it would have; see `sessionTimer`. */
export const wakeAt = (
  trx: Trx,
  { sessionId, tenantId }: Pick<Session, 'sessionId' | 'tenantId'>,
  dueAt: string,
  now: string,
) =>
  setTimer(
    trx,
    {
      effectId: `expire:${sessionId}`,
      tenantId,
      stream: streams.onboarding(sessionId),
      kind: 'expire_session',
      params: {},
    },
    dueAt,
    now,
  )

/** The session whose effect it is. */
export const sessionIdOf = (effect: Effect) => effect.stream.slice(streams.onboarding('').length)

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

/** The key of a step's call, and the id of the fact that asks for it: session, step and attempt. */
export const callKey = (sessionId: string, step: StepName, attempt: number) =>
  `stepledger:${sessionId}:${step}:${attempt}`

/** The request that asks carries the effect out itself; the worker takes what a crash has left. */
export const afterTheRequest = (now: string) => new Date(Date.parse(now) + 10_000).toISOString()

const quarantined = (error: unknown): never => {
  if (!(error instanceof StrandedFact)) throw error
  throw new AppError(
    'session_quarantined',
    'This session needs an operator: its history does not fit the present steps. Nothing is lost.',
    { cause: error },
  )
}
