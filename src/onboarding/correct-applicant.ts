import type { Applicant } from '../../machines/onboarding-facts.ts'
import type { AppContext } from '../context.ts'
import { resourceId } from '../db/fields.ts'
import { type AppError, Conflict } from '../errors.ts'
import { dispatch, notAllowed, type Session } from '../inbox/sessions/store.ts'
import type { Caller } from '../log/by.ts'
import { ask, type Order } from '../outbox/ask.ts'
import { customerChange, customerRefusal } from '../outbox/requests/update-customer.ts'
import { pendingCall } from '../session/calls.ts'
import { loadOwnSession } from './access.ts'
import { applicantOf } from './applicant-of.ts'
import { ApplicantInput } from './start.ts'

/** What is left out stays as it is. */
export const Correction = ApplicantInput.partial()
  .extend({ session_id: resourceId, phone: ApplicantInput.shape.phone.nullable() })
  .refine(
    (given) => Object.keys(given).length > 1,
    'must have a field to correct: email, name, company_name or phone',
  )
export type Correction = { [Field in keyof Applicant]?: Applicant[Field] | undefined }

/**
 * Corrects whom a session is for, until its subscription exists. The customer at Stripe, should there be one already,
 * is changed by an operation of billing, which `create-subscription` waits for: the first invoice is for the right one.
 * @throws InvalidRequest for what Stripe does not take: then the details before hold
 */
export async function correctApplicant(
  context: AppContext,
  caller: Caller,
  sessionId: string,
  correction: Correction,
): Promise<Session> {
  const { reader } = context.db
  const { tenantId } = await loadOwnSession(reader, sessionId, caller)
  const order: Order = {
    ...{ tenantId, operation: 'update_customer', by: caller },
    // What has not ended has written the details that hold.
    isSame: async () => isIn(correction, await applicantOf(reader, sessionId)),
  }
  try {
    await ask(context, order, async (turn, { key }) => {
      const session = await loadOwnSession(turn.trx, sessionId, caller)
      const { customer_id } = session.snapshot.context
      const fact = (applicant: Applicant) =>
        ({
          type: 'onboarding.applicant_corrected',
          data: { idempotency_key: customer_id === null ? null : key, personal: applicant },
        }) as const
      const before = await applicantOf(turn.trx, sessionId)
      const corrected = { ...before, ...given(correction) }
      if (!session.snapshot.can(fact(corrected))) throw notCorrectable(session)
      if (isIn(correction, before)) return { objectId: customer_id ?? sessionId }
      const factId = `${sessionId}:applicant:${session.version + 1}`
      await dispatch(turn, session, fact(corrected), { factId })
      return customer_id === null
        ? { objectId: sessionId }
        : { call: 'update_customer', targetId: customer_id, params: () => customerChange(corrected) }
    })
  } catch (error) {
    throw customerRefusal(error)
  }
  return loadOwnSession(reader, sessionId, caller)
}

/** Why the statechart takes no correction now. */
export function notCorrectable(session: Session): AppError {
  if (pendingCall(session) !== null)
    return new Conflict('A step of this session is waiting for Stripe; send the request again')
  const isSubscribed = session.snapshot.context.subscription_id !== null
  return notAllowed(
    session,
    isSubscribed ? 'The session has a subscription: its details can no longer be corrected here' : undefined,
  )
}

const given = (correction: Correction) =>
  Object.fromEntries(
    Object.entries(correction).filter(([, value]) => value !== undefined),
  ) as Partial<Applicant>

const isIn = (correction: Correction, applicant: Applicant) =>
  Object.entries(given(correction)).every(([field, value]) => applicant[field as keyof Applicant] === value)
