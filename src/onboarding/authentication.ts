import { type AppContext, requireStripe } from '../context.ts'
import type { Session } from '../inbox/sessions/store.ts'
import type { Caller } from '../log/by.ts'
import { placeOf } from '../session/session.ts'
import { afterAnswer } from './after-answer.ts'

/**
 * A subscription that waits for the bank, as it is at Stripe now: still waiting, with the secret that Stripe.js goes on
 * with; or the session after what has become of it. An event tells of a subscription before its first payment, so
 * one that has been paid can look as if it waited.
 */
export async function askForAuthentication(
  context: AppContext,
  caller: Caller,
  session: Session,
): Promise<{ session: Session; clientSecret: string | null }> {
  const { subscription_id } = session.snapshot.context
  if (!isWaiting(session) || subscription_id === null) return { session, clientSecret: null }
  const { observation, clientSecret } = await requireStripe(context).fetch('subscription', subscription_id)
  if (observation.object.status === 'incomplete') return { session, clientSecret }
  return { session: await afterAnswer(context, caller, session, observation), clientSecret: null }
}

export const isWaiting = (session: Session) =>
  placeOf(session.snapshot) === 'subscription_created.awaiting_authentication'
