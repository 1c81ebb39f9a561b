import type { OnboardingEvent, SelectedPlan } from './onboarding-facts.ts'
import type { CallingStep } from './onboarding-steps.ts'

/** What a session remembers. No secrets and no personal data: the snapshot stands in a table in the clear. */
export type OnboardingContext = {
  session_id: string
  expires_at: string
  customer_id: string | null
  setup_intent_id: string | null
  payment_method_id: string | null
  /** The last decline that no success has followed. Codes are Stripe's. */
  decline: { code: string; decline_code: string | null } | null
  plan: SelectedPlan | null
  subscription_id: string | null
  subscription_status: string | null
  trial_ends_at: string | null
  /** How often each call was asked for: the next attempt's key has the next number. */
  attempts: Record<CallingStep['step'], number>
}

export const emptyContext: OnboardingContext = {
  session_id: '',
  expires_at: '',
  customer_id: null,
  setup_intent_id: null,
  payment_method_id: null,
  decline: null,
  plan: null,
  subscription_id: null,
  subscription_status: null,
  trial_ends_at: null,
  attempts: { create_customer: 0, setup_payment: 0, create_subscription: 0 },
}

/** What a fact that the chart takes adds to it, wherever the chart takes it. */
export function remembered({
  context,
  event,
}: {
  context: OnboardingContext
  event: OnboardingEvent
}): Partial<OnboardingContext> {
  switch (event.type) {
    case 'onboarding.started':
      return { session_id: event.data.session_id, expires_at: event.data.expires_at }
    case 'onboarding.customer_requested':
      return { attempts: { ...context.attempts, create_customer: event.data.attempt } }
    case 'onboarding.customer_created':
      return { customer_id: event.data.customer_id }
    case 'onboarding.payment_setup_requested':
      return { attempts: { ...context.attempts, setup_payment: event.data.attempt } }
    case 'onboarding.payment_setup_created':
      return { setup_intent_id: event.data.setup_intent_id, payment_method_id: null, decline: null }
    case 'onboarding.payment_confirmed':
      return { payment_method_id: event.data.payment_method_id, decline: null }
    case 'onboarding.payment_declined':
      return { decline: { code: event.data.code, decline_code: event.data.decline_code } }
    // Its SetupIntent is used up with it: another card needs another one. The plan stays.
    case 'onboarding.payment_method_unusable':
      return { setup_intent_id: null, payment_method_id: null, decline: null }
    case 'onboarding.plan_selected':
      return { plan: event.data }
    case 'onboarding.subscription_requested':
      return { attempts: { ...context.attempts, create_subscription: event.data.attempt } }
    case 'onboarding.subscription_created':
      return {
        subscription_id: event.data.subscription_id,
        subscription_status: event.data.subscription_status,
        trial_ends_at: event.data.trial_ends_at,
        decline: null,
      }
    case 'onboarding.subscription_failed':
      return event.data.is_decline
        ? { decline: { code: event.data.code, decline_code: event.data.decline_code } }
        : {}
    case 'onboarding.subscription_activated':
    case 'onboarding.subscription_expired':
      return { subscription_status: event.data.subscription_status }
    // Who the applicant is stands in the facts alone: personal data is in no snapshot.
    case 'onboarding.applicant_corrected':
    case 'onboarding.customer_failed':
    case 'onboarding.payment_setup_failed':
    case 'onboarding.completed':
    case 'onboarding.cancelled':
    case 'onboarding.expired':
      return {}
    default:
      return event satisfies never
  }
}
