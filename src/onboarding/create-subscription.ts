import type { Config } from '../config.ts'
import { type AppContext, requireStripe } from '../context.ts'
import type { Turn } from '../effects/turn.ts'
import { AppError } from '../errors.ts'
import { dispatch, notAllowed, type Session, sessionStatus } from '../inbox/sessions/store.ts'
import type { Caller } from '../log/by.ts'
import {
  decideSubscription,
  subscriptionKnown,
  wantsAuthentication,
} from '../outbox/requests/create-subscription.ts'
import { nextAttempt } from '../session/calls.ts'
import { failureOf } from '../stripe/failure.ts'
import { loadOwnSession, refusedElsewhere, takeStep } from './access.ts'
import { askForAuthentication } from './authentication.ts'
import { assertCard, cardRequired } from './card.ts'

/**
 * Step 5. The first payment is made with the confirmed card, unless there is a trial. Declined: nothing is left at
 * Stripe, and the step can be tried again. Where the bank wants the customer's authentication, the subscription
 * waits for it as `incomplete`, and `clientSecret` is for Stripe.js to go on with.
 */
export async function createSubscription(
  context: AppContext,
  caller: Caller,
  sessionId: string,
): Promise<{ session: Session; clientSecret: string | null }> {
  requireStripe(context)
  const attempt = () =>
    takeStep(context, caller, sessionId, 'create_subscription', (turn, session) =>
      session.snapshot.context.subscription_id === null
        ? requestSubscription(turn, session, context.config)
        : session,
    )
  const session = await attempt()
    .catch(async (error) => {
      // No webhook has told of the card: ask Stripe before refusing.
      if (isNoCardYet(error)) await assertCard(context, caller, error.session)
      else if (!wantsAuthentication(failureOf(error)?.code)) throw error
      return attempt()
    })
    .catch(async (error) => {
      const now = await loadOwnSession(context.db.reader, sessionId, caller)
      throw cardGone(error, now) ?? discountGone(error) ?? error
    })
  if (session.snapshot.context.subscription_id === null) throw refusedElsewhere()
  return askForAuthentication(context, caller, session)
}

async function requestSubscription(
  turn: Turn,
  session: Session,
  { trialPeriodDays }: Pick<Config, 'trialPeriodDays'>,
): Promise<Session> {
  const { sessionId, tenantId } = session
  const { customer_id, payment_method_id, plan, decline } = session.snapshot.context
  if (sessionStatus(session) !== 'plan_selected' || plan === null) throw notAllowed(session)
  if (payment_method_id === null) throw new NoCardYet(session)
  const decision = decideSubscription(await subscriptionKnown(turn.trx, tenantId, turn.now), {
    ...{ tenantId, sessionId, askedBy: 'step' },
    customerId: customer_id,
    priceId: plan.price_id,
    planId: plan.plan_id,
    currency: plan.currency,
    paymentMethodId: payment_method_id,
    trialDays: trialPeriodDays,
    discount: plan.discount,
    behavior: wantsAuthentication(decline?.code) ? 'allow_incomplete' : 'error_if_incomplete',
  })
  if ('objectId' in decision) throw notAllowed(session)
  const attempt = nextAttempt(session, 'create_subscription')
  const data = { ...attempt, params: decision.params(attempt.idempotency_key) }
  return dispatch(
    turn,
    session,
    { type: 'onboarding.subscription_requested', data },
    {
      factId: attempt.idempotency_key,
    },
  )
}

class NoCardYet extends AppError {
  readonly session: Session
  constructor(session: Session) {
    super('payment_method_required', 'No payment method is confirmed')
    this.session = session
  }
}
const isNoCardYet = (error: unknown): error is NoCardYet => error instanceof NoCardYet

/** Stripe refused the card: it was removed, and the session knows so by now. */
function cardGone(error: unknown, session: Session): AppError | undefined {
  const isAboutCard = failureOf(error)?.param === 'default_payment_method'
  return isAboutCard && sessionStatus(session) === 'plan_selected' ? cardRequired(session) : undefined
}

/** Stripe refused the discount that was reserved: someone else had its last redemption, or it was ended. */
function discountGone(error: unknown): AppError | undefined {
  const failure = failureOf(error)
  if (!(error instanceof AppError) || failure === undefined) return undefined
  const isAboutDiscount =
    /^(discounts|coupon|promotion_code)/.test(failure.param ?? '') || /coupon|promotion/.test(failure.code)
  if (!isAboutDiscount) return undefined
  return new AppError(
    'conflict',
    'The discount can no longer be redeemed: select the plan again without it',
    { details: error.details, cause: error },
  )
}
