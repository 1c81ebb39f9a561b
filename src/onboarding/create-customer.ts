import { type AppContext, requireStripe } from '../context.ts'
import { dispatch, type Session } from '../inbox/sessions/store.ts'
import type { Caller } from '../log/by.ts'
import { customerKnown, decideCustomer } from '../outbox/requests/create-customer.ts'
import { nextAttempt } from '../session/calls.ts'
import { refusedElsewhere, takeStep } from './access.ts'
import { applicantOf } from './applicant-of.ts'

/** Step 2: the tenant becomes a customer at Stripe. A tenant that is one already keeps it. */
export async function createCustomer(
  context: AppContext,
  caller: Caller,
  sessionId: string,
): Promise<Session> {
  requireStripe(context)
  const after = await takeStep(context, caller, sessionId, 'create_customer', async (turn, session) => {
    const { tenantId } = session
    const { customer_id } = session.snapshot.context
    if (customer_id !== null) return session
    const { phone, company_name, email, name } = await applicantOf(turn.trx, sessionId)
    const decision = decideCustomer(await customerKnown(turn.trx, tenantId), {
      ...{ tenantId, askedBy: 'step', email, name, phone: phone ?? undefined },
      metadata: { company_name, session_id: sessionId },
    })
    if ('objectId' in decision) {
      const data = { customer_id: decision.objectId }
      const factId = `${sessionId}:known_customer`
      return dispatch(turn, session, { type: 'onboarding.customer_created', data }, { factId })
    }
    const attempt = nextAttempt(session, 'create_customer')
    const data = { ...attempt, personal: { params: decision.params(attempt.idempotency_key) } }
    return dispatch(
      turn,
      session,
      { type: 'onboarding.customer_requested', data },
      {
        factId: attempt.idempotency_key,
      },
    )
  })
  if (after.snapshot.context.customer_id === null) throw refusedElsewhere()
  return after
}
