import { endedStatuses } from '../../machines/subscription.ts'
import type { Config } from '../config.ts'
import { type AppContext, requireStripe } from '../context.ts'
import type { Turn } from '../effects/turn.ts'
import { AppError, Conflict } from '../errors.ts'
import { dispatch, notAllowed, type Session, sessionStatus } from '../inbox/sessions/store.ts'
import type { Caller } from '../log/by.ts'
import { pendingOperations } from '../outbox/pending-operations.ts'
import { nextAttempt, pendingCall } from '../session/calls.ts'
import { keyInMetadata } from '../stripe/calls.ts'
import { loadOwnSession, refusedElsewhere, takeStep } from './access.ts'
import { askForAuthentication } from './authentication.ts'
import { keepCall } from './calls.ts'
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
    takeStep(context, caller, sessionId, async (turn, session) => {
      const pending = pendingCall(session)
      if (pending?.params.call === 'create_subscription') {
        await keepCall(turn, session, pending)
        return pending.key
      }
      if (session.snapshot.context.subscription_id !== null) return null
      return requestSubscription(turn, session, context.config)
    })

  const session = await attempt()
    .catch(async (error) => {
      // No webhook has told of the card: ask Stripe before refusing.
      if (isNoCardYet(error)) await assertCard(context, caller, error.session)
      else if (!(error instanceof AppError && wantsAuthentication(String(error.details.stripe_code))))
        throw error
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
): Promise<string> {
  const { trx } = turn
  const { customer_id, payment_method_id, plan, decline } = session.snapshot.context
  if (sessionStatus(session) !== 'plan_selected' || plan === null) throw notAllowed(session)
  if (payment_method_id === null) throw new NoCardYet(session)
  // Its outcome is not known yet: it may be making what this step is about to make.
  if ((await pendingOperations(trx, session.tenantId)).length > 0)
    throw new Conflict('A billing operation of this tenant is waiting for Stripe; send the request again')
  const live = await trx
    .selectFrom('billing_subscriptions')
    .select('subscription_id')
    .where('tenant_id', '=', session.tenantId)
    .where('status', 'not in', endedStatuses)
    .executeTakeFirst()
  if (live !== undefined)
    throw new AppError('already_subscribed', 'This tenant has a subscription already', { details: live })

  const attempt = nextAttempt(session, 'create_subscription')
  const key = attempt.idempotency_key
  await dispatch(
    turn,
    session,
    {
      type: 'onboarding.subscription_requested',
      data: {
        ...attempt,
        params: {
          customer: customer_id,
          items: [{ price: plan.price_id }],
          default_payment_method: payment_method_id,
          // A decline leaves no subscription behind. Only when the bank has asked for the customer is one made that
          // waits for them.
          payment_behavior: wantsAuthentication(decline?.code) ? 'allow_incomplete' : 'error_if_incomplete',
          ...(trialPeriodDays === 0 ? {} : { trial_period_days: trialPeriodDays }),
          ...(plan.discount === null
            ? {}
            : {
                discounts: [
                  plan.discount.promotion_code_id === null
                    ? { coupon: plan.discount.coupon_id }
                    : { promotion_code: plan.discount.promotion_code_id },
                ],
              }),
          metadata: {
            tenant_id: session.tenantId,
            session_id: session.sessionId,
            plan_id: plan.plan_id,
            [keyInMetadata]: key,
          },
        },
      },
    },
    { factId: key },
  )
  return key
}

class NoCardYet extends AppError {
  readonly session: Session
  constructor(session: Session) {
    super('payment_method_required', 'No payment method is confirmed')
    this.session = session
  }
}
const isNoCardYet = (error: unknown): error is NoCardYet => error instanceof NoCardYet

/** Stripe's codes for "the customer has to be there", https://docs.stripe.com/error-codes. */
const wantsAuthentication = (code: string | undefined) =>
  code === 'subscription_payment_intent_requires_action' || code === 'authentication_required'

/** Stripe refused the card: it was removed, and the session knows so by now. */
function cardGone(error: unknown, session: Session): AppError | undefined {
  const isAboutCard = error instanceof AppError && error.details.param === 'default_payment_method'
  return isAboutCard && sessionStatus(session) === 'plan_selected' ? cardRequired(session) : undefined
}

/** Stripe refused the discount that was reserved: someone else had its last redemption, or it was ended. */
function discountGone(error: unknown): AppError | undefined {
  if (!(error instanceof AppError)) return undefined
  const { param, stripe_code } = error.details
  const isAboutDiscount =
    /^(discounts|coupon|promotion_code)/.test(String(param ?? '')) ||
    /coupon|promotion/.test(String(stripe_code))
  if (!isAboutDiscount) return undefined
  return new AppError(
    'conflict',
    'The discount can no longer be redeemed: select the plan again without it',
    {
      details: error.details,
      cause: error,
    },
  )
}
