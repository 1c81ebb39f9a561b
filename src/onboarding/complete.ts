import { type AppContext, type Caller, requireStripe } from '../context.ts'
import { loadOwnSession } from './access.ts'
import { recordAnswer } from './calls.ts'
import { applyToSession } from './from-stripe.ts'
import { positionOf } from './session.ts'
import { dispatch, notAllowed, type Session, sessionStatus } from './store.ts'

/** Step 6: the tenant is ready. A subscription that waits for the bank is asked for at Stripe first. */
export async function complete(context: AppContext, caller: Caller, sessionId: string): Promise<Session> {
  await askForAuthentication(context, caller, await loadOwnSession(context.db.reader, sessionId, caller))
  return context.db.transact(async (trx) => {
    const session = await loadOwnSession(trx, sessionId, caller)
    if (sessionStatus(session) === 'completed') return session
    const position = positionOf(session.snapshot)
    if (position === 'subscription_created.awaiting_authentication')
      throw notAllowed(
        session,
        'The bank wants the customer to authenticate the first payment; finish that first',
      )
    if (position === 'subscription_created.lapsed')
      throw notAllowed(
        session,
        'The subscription has ended before onboarding was complete; start a new session',
      )
    return dispatch(
      trx,
      session,
      { type: 'onboarding.completed', data: {} },
      { by: caller, now: context.now().toISOString(), factId: `${sessionId}:completed` },
    )
  })
}

async function askForAuthentication(context: AppContext, caller: Caller, session: Session): Promise<void> {
  const { subscription_id } = session.snapshot.context
  if (positionOf(session.snapshot) !== 'subscription_created.awaiting_authentication' || !subscription_id)
    return
  const { observation } = await requireStripe(context).fetch('subscription', subscription_id)
  if (observation.object.status === 'incomplete') return
  await context.db.transact(async (trx) => {
    const now = context.now().toISOString()
    const cause = `${subscription_id}:asked:${observation.asOf}`
    await recordAnswer(trx, session.tenantId, observation, cause, now, caller)
    const fresh = await loadOwnSession(trx, session.sessionId, caller)
    await applyToSession(trx, fresh, observation, { by: caller, now, cause })
  })
}
