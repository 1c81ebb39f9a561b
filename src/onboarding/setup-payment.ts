import { type AppContext, type Caller, requireStripe } from '../context.ts'
import type { Trx } from '../db/tables.ts'
import { AppError } from '../errors.ts'
import { keyInMetadata } from '../stripe/calls.ts'
import { loadOwnSession, refusedElsewhere, takeStep } from './access.ts'
import { allowedUrl } from './allowed-url.ts'
import { keepCall, recordAnswer } from './calls.ts'
import { applyToSession, pendingKey } from './from-stripe.ts'
import { callKey, dispatch, type Session, sessionStatus } from './store.ts'

/**
 * Step 3: a SetupIntent, by which the browser confirms a card. Asking again gives the same one; a new one only when
 * that one can no longer be used: Stripe says it is canceled, or its card was declined at the first payment.
 * The client secret is fetched from Stripe each time and kept nowhere.
 */
export async function setupPayment(
  context: AppContext,
  caller: Caller,
  sessionId: string,
  returnUrl: string,
): Promise<{ session: Session; setupIntentId: string; clientSecret: string }> {
  const allowed = allowedUrl('return_url', returnUrl, context.config.returnUrlOrigins)
  const stripe = requireStripe(context)
  const request = (isUnusable: boolean) =>
    takeStep(context, caller, sessionId, (trx, session, now) =>
      requestSetup(trx, session, { returnUrl: allowed, caller, now, isUnusable }),
    )
  let session = await request(false)
  for (let isSecondTry = false; ; isSecondTry = true) {
    const setupIntentId = session.snapshot.context.setup_intent_id
    if (setupIntentId === null) throw refusedElsewhere()
    const { observation, clientSecret } = await stripe.fetch('setup_intent', setupIntentId)
    if (observation.object.status === 'canceled' && !isSecondTry) {
      session = await request(true)
      continue
    }
    if (clientSecret === null)
      throw new AppError('stripe_unavailable', 'Stripe gave no client secret; send the same request again', {
        retryAfterSeconds: 2,
      })
    return { session, setupIntentId, clientSecret }
  }
}

/**
 * Whether the card is confirmed: as a webhook has said, or as Stripe says when it is asked now.
 * @throws AppError payment_method_required
 */
export async function assertCard(context: AppContext, caller: Caller, session: Session): Promise<Session> {
  const { payment_method_id, setup_intent_id } = session.snapshot.context
  if (payment_method_id !== null || setup_intent_id === null) return session
  const { observation } = await requireStripe(context).fetch('setup_intent', setup_intent_id)
  const asked = await context.db.transact(async (trx) => {
    const now = context.now().toISOString()
    const fresh = await loadOwnSession(trx, session.sessionId, caller)
    if (fresh.snapshot.context.payment_method_id !== null || observation.object.status !== 'succeeded')
      return fresh
    const cause = `${setup_intent_id}:asked:${observation.asOf}`
    await recordAnswer(trx, fresh.tenantId, observation, cause, now, caller)
    return applyToSession(trx, fresh, observation, { by: caller, now, cause })
  })
  const { context: after } = asked.snapshot
  if (after.payment_method_id !== null) return asked
  throw new AppError(
    'payment_method_required',
    after.decline === null
      ? 'No payment method is confirmed yet: confirm the SetupIntent with Stripe.js, then send this request again'
      : 'The payment method was declined: confirm the SetupIntent with another one, then send this request again',
    {
      details: {
        setup_intent_id,
        setup_intent_status: observation.object.status,
        ...(after.decline === null ? {} : { decline: after.decline }),
      },
    },
  )
}

async function requestSetup(
  trx: Trx,
  session: Session,
  about: { returnUrl: string; caller: Caller; now: string; isUnusable: boolean },
): Promise<string | null> {
  const { caller, now, returnUrl } = about
  const { setup_intent_id, payment_method_id, decline, customer_id, attempts } = session.snapshot.context
  const pending = pendingKey(session)
  if (pending !== null && sessionStatus(session) !== 'started') {
    // While the subscription is being created there is nothing to wait for here.
    if (!pending.includes(':setup_payment:')) return null
    await keepCall(trx, session, pending, now)
    return pending
  }
  const status = sessionStatus(session)
  const isDeclined = status === 'plan_selected' && payment_method_id !== null && decline !== null
  const isOver = status === 'cancelled' || status === 'expired'
  if (setup_intent_id !== null && !isOver && !isDeclined && !about.isUnusable) return null

  const attempt = attempts.payment_setup + 1
  const key = callKey(session.sessionId, 'setup_payment', attempt)
  await dispatch(
    trx,
    session,
    {
      type: 'onboarding.payment_setup_requested',
      data: {
        attempt,
        idempotency_key: key,
        return_url: returnUrl,
        params: {
          customer: customer_id,
          usage: 'off_session',
          automatic_payment_methods: { enabled: true },
          metadata: {
            tenant_id: session.tenantId,
            session_id: session.sessionId,
            [keyInMetadata]: key,
          },
        },
      },
    },
    { by: caller, now, factId: key },
  )
  return key
}
