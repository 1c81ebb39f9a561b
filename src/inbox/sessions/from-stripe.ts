import type { OnboardingFact } from '../../../machines/onboarding-facts.ts'
import { hasEnded, isInOrder } from '../../../machines/subscription.ts'
import { isoTime } from '../../projections/projection.ts'
import { idOf } from '../../projections/read-value.ts'
import { pendingCall } from '../../session/calls.ts'
import type { Snapshot } from '../../session/session.ts'
import { keyInMetadata } from '../../stripe/call.ts'
import type { Observation } from '../../stripe/gateway.ts'
import type { StripeObjects } from '../../stripe/object-types.ts'

/** What the tables know of an object: what arrives may be older, and a session must not go on with what has ended. */
export type Mirrored = { subscriptionStatus?: string | undefined; isCardRemoved?: boolean }

/** Whether it is shown, not named alone, and belongs to nobody. Stripe attaches such a card to nobody again. */
export const isRemoved = (card: string | Pick<StripeObjects['payment_method'], 'customer'> | null) =>
  card !== null && typeof card === 'object' && card.customer === null

/**
 * What an object of Stripe's says to a session, whether it came as the answer to a call or as a webhook. Pure. Of these
 * facts the statechart takes what is news to it: a late or repeated object says nothing.
 */
export function factsFromStripe(
  snapshot: Snapshot,
  { objectType, isDeleted, object }: Observation,
  { subscriptionStatus, isCardRemoved = false }: Mirrored,
): OnboardingFact[] {
  const { context } = snapshot
  const key = pendingCall({ snapshot })?.key
  const isOurs = (metadata: Record<string, string> | null) =>
    key !== undefined && metadata?.[keyInMetadata] === key

  switch (objectType) {
    case 'customer': {
      if (isDeleted)
        return object.id === context.customer_id
          ? [{ type: 'onboarding.cancelled', data: { reason: 'customer_deleted' } }]
          : []
      return isOurs(object.metadata)
        ? [{ type: 'onboarding.customer_created', data: { customer_id: object.id } }]
        : []
    }
    case 'setup_intent': {
      const { id: setup_intent_id, payment_method, last_setup_error: error } = object
      const facts: OnboardingFact[] = []
      if (isOurs(object.metadata))
        facts.push({ type: 'onboarding.payment_setup_created', data: { setup_intent_id } })
      const paymentMethodId = idOf(payment_method)
      if (object.status === 'succeeded' && paymentMethodId !== null)
        facts.push({
          type: 'onboarding.payment_confirmed',
          data: { setup_intent_id, payment_method_id: paymentMethodId },
        })
      if (paymentMethodId !== null && (isCardRemoved || isRemoved(payment_method)))
        facts.push(unusable(paymentMethodId))
      if (object.status === 'requires_payment_method' && error)
        facts.push({
          type: 'onboarding.payment_declined',
          data: {
            setup_intent_id,
            code: error.code ?? error.type,
            decline_code: error.decline_code ?? null,
          },
        })
      return facts
    }
    case 'payment_method':
      return isDeleted || isRemoved(object) ? [unusable(object.id)] : []
    case 'subscription': {
      const { id, metadata, trial_end } = object
      const status = subscriptionStatus ?? object.status
      const subscription = { subscription_id: id, subscription_status: status }
      if (isOurs(metadata))
        return [
          {
            type: 'onboarding.subscription_created',
            data: { ...subscription, trial_ends_at: isoTime(trial_end) },
          },
        ]
      if (isInOrder(status)) return [{ type: 'onboarding.subscription_activated', data: subscription }]
      if (hasEnded(status)) return [{ type: 'onboarding.subscription_expired', data: subscription }]
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
