import type Stripe from 'stripe'
import type { OnboardingFact } from '../../../machines/onboarding-facts.ts'
import { hasEnded, isInOrder } from '../../../machines/subscription.ts'
import type { Trx } from '../../db/tables.ts'
import { settle } from '../../effects/effects.ts'
import type { Turn } from '../../effects/turn.ts'
import { isoTime } from '../../projections/projection.ts'
import { pendingCall } from '../../session/calls.ts'
import { evolve, type Snapshot } from '../../session/session.ts'
import { keyInMetadata } from '../../stripe/calls.ts'
import type { StripeObjectType } from '../../stripe/object-types.ts'
import { dispatch, type Session } from './store.ts'

type Seen = { objectType: StripeObjectType; isDeleted: boolean; object: object }

/**
 * What an object of Stripe's says to a session, whether it came as the answer to a call or as a webhook. Pure; the
 * facts are those that the statechart takes now, so that a late or repeated object says nothing.
 */
export function factsFromStripe(snapshot: Snapshot, seen: Seen): OnboardingFact[] {
  const facts: OnboardingFact[] = []
  let after = snapshot
  for (const fact of candidates(snapshot, seen)) {
    if (!after.can(fact)) continue
    after = evolve(after, fact).snapshot
    facts.push(fact)
  }
  return facts
}

/** Records what the object says to the session. @param cause the id of the answer or of Stripe's event */
export async function applyToSession(
  turn: Turn,
  session: Session,
  seen: Seen,
  cause: string,
): Promise<Session> {
  const { trx, now } = turn
  let after = session
  for (const fact of factsFromStripe(session.snapshot, await asMirrored(trx, seen))) {
    const pending = pendingCall(after)
    after = await dispatch(turn, after, fact, { factId: `${cause}:${fact.type}`, causation: cause })
    // A webhook can be earlier than the answer to the call that it is about.
    if (pending !== null && pendingCall(after) === null) await settle(trx, pending.key, 'done', now)
  }
  return after
}

/**
 * A subscription with the status that its row has, and a SetupIntent with a card that its row knows to be removed: what
 * arrives may be older than what is known, and a session must not go on with what has ended.
 */
async function asMirrored(trx: Trx, seen: Seen): Promise<Seen> {
  if (seen.objectType === 'setup_intent') return withRemovedCard(trx, seen)
  if (seen.objectType !== 'subscription') return seen
  const row = await trx
    .selectFrom('billing_subscriptions')
    .select('status')
    .where('subscription_id', '=', (seen.object as Stripe.Subscription).id)
    .executeTakeFirst()
  return row === undefined ? seen : { ...seen, object: { ...seen.object, status: row.status } }
}

async function withRemovedCard(trx: Trx, seen: Seen): Promise<Seen> {
  const row = await trx
    .selectFrom('billing_payment_methods')
    .select(['payment_method_id as id', 'detached_at'])
    .where('payment_method_id', '=', idOf((seen.object as Stripe.SetupIntent).payment_method) ?? '')
    .executeTakeFirst()
  if (row === undefined || row.detached_at === null) return seen
  return { ...seen, object: { ...seen.object, payment_method: { id: row.id, customer: null } } }
}

/** Whether it is shown, not named alone, and belongs to nobody. Stripe attaches such a card to nobody again. */
export const isRemoved = (card: string | Pick<Stripe.PaymentMethod, 'customer'> | null) =>
  card !== null && typeof card === 'object' && card.customer === null

function candidates(snapshot: Snapshot, { objectType, isDeleted, object }: Seen): OnboardingFact[] {
  const { context } = snapshot
  const key = pendingCall({ snapshot })?.key
  const isOurs = (metadata: Stripe.Metadata | null) => key !== undefined && metadata?.[keyInMetadata] === key

  switch (objectType) {
    case 'customer': {
      const customer = object as Stripe.Customer
      if (isDeleted)
        return customer.id === context.customer_id
          ? [{ type: 'onboarding.cancelled', data: { reason: 'customer_deleted' } }]
          : []
      return isOurs(customer.metadata)
        ? [{ type: 'onboarding.customer_created', data: { customer_id: customer.id } }]
        : []
    }
    case 'setup_intent': {
      const intent = object as Stripe.SetupIntent
      const facts: OnboardingFact[] = []
      if (isOurs(intent.metadata))
        facts.push({ type: 'onboarding.payment_setup_created', data: { setup_intent_id: intent.id } })
      const paymentMethodId = idOf(intent.payment_method)
      if (intent.status === 'succeeded' && paymentMethodId !== null)
        facts.push({
          type: 'onboarding.payment_confirmed',
          data: { setup_intent_id: intent.id, payment_method_id: paymentMethodId },
        })
      if (paymentMethodId !== null && isRemoved(intent.payment_method)) facts.push(unusable(paymentMethodId))
      const error = intent.last_setup_error
      if (intent.status === 'requires_payment_method' && error)
        facts.push({
          type: 'onboarding.payment_declined',
          data: {
            setup_intent_id: intent.id,
            code: error.code ?? error.type,
            decline_code: error.decline_code ?? null,
          },
        })
      return facts
    }
    case 'payment_method': {
      const card = object as Stripe.PaymentMethod
      return isDeleted || isRemoved(card) ? [unusable(card.id)] : []
    }
    case 'subscription': {
      const { id, status, metadata, trial_end } = object as Stripe.Subscription
      const about = { subscription_id: id, subscription_status: status }
      if (isOurs(metadata))
        return [
          { type: 'onboarding.subscription_created', data: { ...about, trial_ends_at: isoTime(trial_end) } },
        ]
      if (isInOrder(status)) return [{ type: 'onboarding.subscription_activated', data: about }]
      if (hasEnded(status)) return [{ type: 'onboarding.subscription_expired', data: about }]
      return []
    }
    default:
      return []
  }
}

export const unusable = (paymentMethodId: string): OnboardingFact => ({
  type: 'onboarding.payment_method_unusable',
  data: { payment_method_id: paymentMethodId },
})

export function idOf(reference: string | { id: string } | null | undefined): string | null {
  return typeof reference === 'string' ? reference : (reference?.id ?? null)
}
