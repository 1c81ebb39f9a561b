import { type AppContext, requireStripe } from '../context.ts'
import { Conflict } from '../errors.ts'
import { dispatch, type Session } from '../inbox/sessions/store.ts'
import type { Caller } from '../log/by.ts'
import { pendingOperations } from '../outbox/pending-operations.ts'
import { nextAttempt, pendingCall } from '../session/calls.ts'
import { keyInMetadata } from '../stripe/calls.ts'
import { refusedElsewhere, takeStep } from './access.ts'
import { applicantOf } from './applicant-of.ts'
import { keepCall } from './calls.ts'

/** Step 2: the tenant becomes a customer at Stripe. A tenant that is one already keeps it. */
export async function createCustomer(
  context: AppContext,
  caller: Caller,
  sessionId: string,
): Promise<Session> {
  requireStripe(context)
  const after = await takeStep(context, caller, sessionId, async (turn, session) => {
    const { trx } = turn
    const { customer_id } = session.snapshot.context
    if (customer_id !== null) return null
    const pending = pendingCall(session)
    if (pending !== null) {
      await keepCall(turn, session, pending)
      return pending.key
    }
    // Its outcome is not known yet: it may be making what this step is about to make.
    if ((await pendingOperations(trx, session.tenantId)).length > 0)
      throw new Conflict('A billing operation of this tenant is waiting for Stripe; send the request again')
    const known = await trx
      .selectFrom('billing_customers')
      .select('customer_id')
      .where('tenant_id', '=', session.tenantId)
      .where('is_deleted', '=', 0)
      .executeTakeFirst()
    if (known !== undefined) {
      const created = { type: 'onboarding.customer_created', data: known } as const
      await dispatch(turn, session, created, { factId: `${sessionId}:known_customer` })
      return null
    }
    const attempt = nextAttempt(session, 'create_customer')
    const key = attempt.idempotency_key
    const { email, name, company_name, phone } = await applicantOf(trx, sessionId)
    await dispatch(
      turn,
      session,
      {
        type: 'onboarding.customer_requested',
        data: {
          ...attempt,
          personal: {
            params: {
              email,
              name,
              ...(phone === null ? {} : { phone }),
              metadata: {
                tenant_id: session.tenantId,
                company_name,
                session_id: sessionId,
                [keyInMetadata]: key,
              },
            },
          },
        },
      },
      { factId: key },
    )
    return key
  })
  if (after.snapshot.context.customer_id === null) throw refusedElsewhere()
  return after
}
