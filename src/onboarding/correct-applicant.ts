import type { Applicant } from '../../machines/onboarding-facts.ts'
import type { AppContext } from '../context.ts'
import { resourceId } from '../db/fields.ts'
import { Conflict } from '../errors.ts'
import { dispatch, notAllowed, type Session } from '../inbox/sessions/store.ts'
import type { Caller } from '../log/by.ts'
import { operate } from '../outbox/operate.ts'
import { refusedField } from '../outbox/refused-field.ts'
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
  try {
    await operate(context, {
      tenantId,
      operation: 'update_customer',
      by: caller,
      clientKey: undefined,
      // What is pending has written the details that hold.
      isSame: async () => isIn(correction, await applicantOf(reader, sessionId)),
      prepare: async () => undefined,
      async decide(turn, { key }) {
        const { trx } = turn
        const session = await loadOwnSession(trx, sessionId, caller)
        const { customer_id } = session.snapshot.context
        const fact = (applicant: Applicant) =>
          ({
            type: 'onboarding.applicant_corrected',
            data: { idempotency_key: customer_id === null ? null : key, personal: applicant },
          }) as const
        const before = await applicantOf(trx, sessionId)
        const corrected = { ...before, ...given(correction) }
        if (!session.snapshot.can(fact(corrected))) {
          if (pendingCall(session) !== null)
            throw new Conflict('A step of this session is waiting for Stripe; send the request again')
          throw notAllowed(
            session,
            session.snapshot.context.subscription_id === null
              ? undefined
              : 'The session has a subscription: its details can no longer be corrected here',
          )
        }
        if (isIn(correction, before)) return customer_id ?? sessionId
        const factId = `${sessionId}:applicant:${session.version + 1}`
        await dispatch(turn, session, fact(corrected), { factId })
        if (customer_id === null) return sessionId
        const { email, name, company_name, phone } = corrected
        return {
          targetId: customer_id,
          params: () => ({ email, name, phone: phone ?? '', metadata: { company_name } }),
        }
      },
    })
  } catch (error) {
    throw refusedField(error)
  }
  return loadOwnSession(reader, sessionId, caller)
}

const given = (correction: Correction) =>
  Object.fromEntries(
    Object.entries(correction).filter(([, value]) => value !== undefined),
  ) as Partial<Applicant>

const isIn = (correction: Correction, applicant: Applicant) =>
  Object.entries(given(correction)).every(([field, value]) => applicant[field as keyof Applicant] === value)
