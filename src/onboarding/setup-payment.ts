import { z } from 'zod'
import { isAbandoned } from '../../machines/onboarding-steps.ts'
import { allowedUrl } from '../auth/allowed-url.ts'
import { type AppContext, requireStripe } from '../context.ts'
import { resourceId } from '../db/fields.ts'
import type { Turn } from '../effects/turn.ts'
import { AppError } from '../errors.ts'
import { isRemoved } from '../inbox/sessions/from-stripe.ts'
import { dispatch, type Session, sessionStatus } from '../inbox/sessions/store.ts'
import type { Caller } from '../log/by.ts'
import { setupIntentParams } from '../outbox/requests/create-setup-intent.ts'
import { nextAttempt, pendingCall } from '../session/calls.ts'
import { refusedElsewhere, takeStep } from './access.ts'
import { afterAnswer } from './after-answer.ts'

export const SetupInput = z.strictObject({
  session_id: resourceId,
  return_url: z.string().min(1).max(2048),
  another_card: z
    .boolean()
    .optional()
    .meta({ description: 'A new SetupIntent, where the last one has confirmed a card already' }),
})

/**
 * Step 3: a SetupIntent, by which the browser confirms a card. Asking again gives the same one; a new one only when
 * that one can no longer be used: Stripe says that it is canceled or that its card was removed, the card was declined at
 * the first payment, or another card is wanted than the one that it has confirmed.
 * The client secret is fetched from Stripe each time and kept nowhere.
 */
export async function setupPayment(
  context: AppContext,
  caller: Caller,
  sessionId: string,
  { returnUrl, isAnotherCard = false }: { returnUrl: string; isAnotherCard?: boolean | undefined },
): Promise<{ session: Session; setupIntentId: string; clientSecret: string }> {
  const allowed = allowedUrl('return_url', returnUrl, context.config.returnUrlOrigins)
  const stripe = requireStripe(context)
  const request = (usedUpId: string | null) =>
    takeStep(context, caller, sessionId, 'create_setup_intent', (turn, session) =>
      requestSetup(turn, session, { returnUrl: allowed, usedUpId }),
    )
  let session = await request(null)
  for (let isSecondTry = false; ; isSecondTry = true) {
    const setupIntentId = session.snapshot.context.setup_intent_id
    if (setupIntentId === null) throw refusedElsewhere()
    const { observation, clientSecret } = await stripe.fetch('setup_intent', setupIntentId)
    const { status, payment_method: card } = observation.object
    const isUsedUp = status === 'canceled' || (isAnotherCard && status === 'succeeded')
    if (isUsedUp && !isSecondTry) {
      session = await request(setupIntentId)
      continue
    }
    if (isRemoved(card) && !isSecondTry) {
      const { snapshot } = await afterAnswer(context, caller, session, observation)
      if (snapshot.context.setup_intent_id === null) {
        session = await request(null)
        continue
      }
    }
    if (clientSecret === null)
      throw new AppError('stripe_unavailable', 'Stripe gave no client secret; send the same request again', {
        retryAfterSeconds: 2,
      })
    return { session, setupIntentId, clientSecret }
  }
}

/**
 * Whether the step is for another SetupIntent, be it that the statechart refuses it then.
 * @param usedUpId one that can no longer be used, or is not wanted any more
 */
export function wantsSetup(session: Session, usedUpId: string | null): boolean {
  const { setup_intent_id, payment_method_id, decline } = session.snapshot.context
  const status = sessionStatus(session)
  // While the subscription is being created there is nothing to wait for here.
  if (pendingCall(session)?.params.call === 'create_subscription') return false
  const isDeclined = status === 'plan_selected' && payment_method_id !== null && decline !== null
  return setup_intent_id === null || isAbandoned(status) || isDeclined || setup_intent_id === usedUpId
}

function requestSetup(
  turn: Turn,
  session: Session,
  { returnUrl, usedUpId }: { returnUrl: string; usedUpId: string | null },
): Session | Promise<Session> {
  const { sessionId, tenantId } = session
  if (!wantsSetup(session, usedUpId)) return session
  const { customer_id } = session.snapshot.context
  const attempt = nextAttempt(session, 'setup_payment')
  const params = setupIntentParams({ customerId: customer_id, tenantId, sessionId }, attempt.idempotency_key)
  const data = { ...attempt, params, personal: { return_url: returnUrl } }
  return dispatch(
    turn,
    session,
    { type: 'onboarding.payment_setup_requested', data },
    {
      factId: attempt.idempotency_key,
    },
  )
}
