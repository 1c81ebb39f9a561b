import { type AppContext, requireStripe } from '../context.ts'
import { AppError, type ErrorDetails } from '../errors.ts'
import { type Session, sessionStatus } from '../inbox/sessions/store.ts'
import type { Caller } from '../log/by.ts'
import { allowedSteps } from '../session/session.ts'
import { afterAnswer } from './after-answer.ts'

/**
 * Whether the card is confirmed: as a webhook has said, or as Stripe says when it is asked now.
 * @throws AppError payment_method_required
 */
export async function assertCard(context: AppContext, caller: Caller, session: Session): Promise<Session> {
  const { payment_method_id, setup_intent_id } = session.snapshot.context
  if (payment_method_id !== null) return session
  if (setup_intent_id === null) throw cardRequired(session)
  const { observation } = await requireStripe(context).fetch('setup_intent', setup_intent_id)
  const { status } = observation.object
  const after = status === 'succeeded' ? await afterAnswer(context, caller, session, observation) : session
  if (after.snapshot.context.payment_method_id !== null) return after
  throw cardRequired(after, { setup_intent_id, setup_intent_status: status })
}

/** Setting up a payment gives the SetupIntent that is to be confirmed: the one that there is, or another. */
export function cardRequired(session: Session, details: ErrorDetails = {}): AppError {
  const { decline, setup_intent_id } = session.snapshot.context
  const message =
    setup_intent_id === null
      ? 'The payment method was removed or cannot be used: set up another one, then send this request again'
      : decline === null
        ? 'No payment method is confirmed yet: confirm the SetupIntent with Stripe.js, then send this request again'
        : 'The payment method was declined: confirm the SetupIntent with another one, then send this request again'
  return new AppError('payment_method_required', message, {
    details: {
      status: sessionStatus(session),
      next_step: 'setup_payment',
      allowed_events: allowedSteps(session.snapshot),
      ...details,
      ...(decline === null ? {} : { decline }),
    },
  })
}
