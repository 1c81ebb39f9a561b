import { type AdjacencyMap, getAdjacencyMap } from 'xstate/graph'
import { onboardingMachine } from '../../machines/onboarding.ts'
import type { OnboardingFact } from '../../machines/onboarding-facts.ts'
import { placeOf, type Snapshot, statusOf } from '../../src/session/session.ts'

const data = {
  started: { session_id: 's', expires_at: '2026-01-01T00:00:00.000Z' },
  requested: { attempt: 1, idempotency_key: 'k', params: {}, return_url: 'r' },
  failed: { attempt: 1, is_decline: true, code: 'card_declined', decline_code: null, message: '' },
  plan: { plan_id: 'basic', discount: null },
}
export const fact = (type: OnboardingFact['type'], of: object = {}) => ({ type, data: of }) as OnboardingFact

/** The facts that a session can come to from here; the statechart decides which of them it takes. */
export function possible(snapshot: Snapshot): OnboardingFact[] {
  const { context } = snapshot
  const intent = context.setup_intent_id ?? ''
  const subscription = { subscription_id: context.subscription_id ?? '' }
  const isConfirmed = context.payment_method_id !== null
  const facts = [
    fact('onboarding.started', data.started),
    fact('onboarding.applicant_corrected'),
    fact('onboarding.customer_requested', data.requested),
    fact('onboarding.customer_created', { customer_id: 'cus' }),
    fact('onboarding.customer_failed', data.failed),
    fact('onboarding.payment_setup_created', { setup_intent_id: `seti_${context.attempts.setup_payment}` }),
    fact('onboarding.payment_setup_failed', data.failed),
    fact('onboarding.payment_confirmed', { setup_intent_id: intent, payment_method_id: 'pm' }),
    fact('onboarding.payment_declined', {
      setup_intent_id: intent,
      code: 'card_declined',
      decline_code: null,
    }),
    fact('onboarding.payment_method_unusable', { payment_method_id: 'pm' }),
    fact('onboarding.plan_selected', data.plan),
    fact('onboarding.subscription_requested', data.requested),
    fact('onboarding.subscription_created', { subscription_id: 'sub', subscription_status: 'active' }),
    fact('onboarding.subscription_created', { subscription_id: 'sub', subscription_status: 'incomplete' }),
    fact('onboarding.subscription_failed', data.failed),
    fact('onboarding.subscription_activated', { ...subscription, subscription_status: 'active' }),
    fact('onboarding.subscription_expired', { ...subscription, subscription_status: 'canceled' }),
    fact('onboarding.completed'),
    fact('onboarding.cancelled', { reason: 'requested' }),
    fact('onboarding.expired'),
  ]
  // A new SetupIntent is made for a card that was declined in use, or for an intent that can no longer be used;
  // Stripe cancels no intent that has succeeded.
  const isDeclinedInUse = statusOf(snapshot) === 'plan_selected' && isConfirmed && context.decline !== null
  if (!isConfirmed || isDeclinedInUse) facts.push(fact('onboarding.payment_setup_requested', data.requested))
  return facts
}

/** States are told apart by what decides about what comes next. */
export const serializeState = (snapshot: Snapshot) => {
  const { setup_intent_id, payment_method_id, decline, attempts } = snapshot.context
  const place = placeOf(snapshot)
  const card = place.startsWith('payment_setup') || place.startsWith('plan_selected')
  return card
    ? `${place} ${setup_intent_id && 'intent'} ${payment_method_id} ${decline?.code} ${Math.min(2, attempts.setup_payment)}`
    : place
}
const serializeEvent = (event: OnboardingFact) => JSON.stringify(event)
/** For xstate/graph. */
export const exploration = { events: possible, serializeState, serializeEvent, limit: 100_000 } as never

/** Each state that can be reached, once, with the facts that it takes and the states that they lead to. */
export const explored = Object.values(
  getAdjacencyMap(onboardingMachine, exploration) as AdjacencyMap<Snapshot, OnboardingFact>,
).map(({ state, transitions }) => ({
  state,
  taken: (Object.values(transitions) as { event: OnboardingFact; state: Snapshot }[])
    .map(({ event, state: next }) => ({ event, next }))
    .filter(({ event }) => state.can(event)),
}))
