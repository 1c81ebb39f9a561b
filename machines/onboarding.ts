import { assign, type StateValueFrom, setup } from 'xstate'
import { emptyContext, type OnboardingContext, remembered } from './onboarding-context.ts'
import type { OnboardingEvent } from './onboarding-facts.ts'
import type { CallingStep } from './onboarding-steps.ts'
import { hasEnded } from './subscription.ts'

/** What a transition asks of the outbox: an action and its params, which go there as they are. */
export type OnboardingEffects = {
  callStripe: { session_id: string; call: CallingStep['call']['request'] }
  /** The session is looked at: at a time, or so long after the fact. */
  expireAt: { due_at: string }
  lookAfter: { hours: number }
}
export type OnboardingEffect = {
  [Type in keyof OnboardingEffects]: { type: Type; params: OnboardingEffects[Type] }
}[keyof OnboardingEffects]

/** A SetupIntent is asked for first, when one or its card can no longer be used, and after a declined payment. */
const requestSetupIntent = {
  target: 'creating_setup_intent',
  actions: [
    'remember',
    {
      type: 'callStripe',
      params: ({ context: { session_id } }: { context: OnboardingContext }) =>
        ({ session_id, call: 'create_setup_intent' }) as const,
    },
  ],
} as const

/** What Stripe says of the card that is being set up, or is. */
const cardNews = {
  'onboarding.payment_confirmed': { guard: 'isThisCardUnconfirmed', actions: 'remember' },
  'onboarding.payment_declined': { guard: 'isThisCardUnconfirmed', actions: 'remember' },
  'onboarding.payment_method_unusable': { guard: 'isThisCard', actions: 'remember' },
} as const

/** Possible as long as there is no subscription and no call is under way. */
const untilSubscribed = {
  'onboarding.applicant_corrected': { actions: 'remember' },
  'onboarding.cancelled': '#onboarding.cancelled',
  'onboarding.expired': '#onboarding.expired',
} as const

/** Of a session that has been asked for a SetupIntent before: it stays where it is. */
const creatingAnotherSetupIntent = {
  on: {
    'onboarding.payment_setup_created': { target: 'idle', actions: 'remember' },
    'onboarding.payment_setup_failed': 'idle',
  },
} as const

/**
 * The steps of `onboarding-steps.ts`, a state for each status. A step that calls Stripe has an inner state for the time
 * between the fact that asks and the fact that answers; nothing else is possible then, except what Stripe says.
 *
 * Pure: the actions other than `remember` describe effects (a call, a timer) and are carried out by whoever asked for
 * the transition. All calls carry the idempotency key and the parameters of the fact that asked.
 */
export const onboardingMachine = setup({
  types: {} as { context: OnboardingContext; events: OnboardingEvent },
  guards: {
    cardIsConfirmed: ({ context }) => context.payment_method_id !== null,
    // Webhooks come in any order: a decline that arrives after the card was confirmed is an older one.
    isThisCardUnconfirmed: ({ context, event }) =>
      context.payment_method_id === null &&
      'setup_intent_id' in event.data &&
      event.data.setup_intent_id === context.setup_intent_id,
    isThisCard: ({ context, event }) =>
      'payment_method_id' in event.data && event.data.payment_method_id === context.payment_method_id,
    isThisSubscription: ({ context, event }) =>
      'subscription_id' in event.data && event.data.subscription_id === context.subscription_id,
    hasEnded: ({ event }) =>
      event.type === 'onboarding.subscription_created' && hasEnded(event.data.subscription_status),
    needsAuthentication: ({ event }) =>
      event.type === 'onboarding.subscription_created' && event.data.subscription_status === 'incomplete',
  },
  actions: {
    remember: assign(remembered),
    callStripe: (_, _params: OnboardingEffects['callStripe']) => {},
    expireAt: (_, _params: OnboardingEffects['expireAt']) => {},
    lookAfter: (_, _params: OnboardingEffects['lookAfter']) => {},
  },
}).createMachine({
  id: 'onboarding',
  context: emptyContext,
  initial: 'new',
  states: {
    new: {
      on: {
        'onboarding.started': {
          target: 'started',
          actions: [
            'remember',
            { type: 'expireAt', params: ({ event }) => ({ due_at: event.data.expires_at }) },
          ],
        },
      },
    },

    started: {
      initial: 'idle',
      states: {
        idle: {
          on: {
            'onboarding.customer_requested': {
              target: 'creating_customer',
              actions: [
                'remember',
                {
                  type: 'callStripe',
                  params: ({ context: { session_id } }) => ({ session_id, call: 'create_customer' }),
                },
              ],
            },
            // The tenant is a customer already.
            'onboarding.customer_created': { target: '#onboarding.customer_created', actions: 'remember' },
            ...untilSubscribed,
          },
        },
        creating_customer: {
          on: {
            'onboarding.customer_created': { target: '#onboarding.customer_created', actions: 'remember' },
            'onboarding.customer_failed': 'idle',
          },
        },
      },
    },

    customer_created: {
      initial: 'idle',
      states: {
        idle: {
          on: {
            'onboarding.payment_setup_requested': requestSetupIntent,
            ...untilSubscribed,
          },
        },
        creating_setup_intent: {
          on: {
            'onboarding.payment_setup_created': { target: '#onboarding.payment_setup', actions: 'remember' },
            'onboarding.payment_setup_failed': 'idle',
          },
        },
      },
    },

    payment_setup: {
      initial: 'idle',
      states: {
        idle: {
          on: {
            ...cardNews,
            'onboarding.plan_selected': {
              guard: 'cardIsConfirmed',
              target: '#onboarding.plan_selected',
              actions: 'remember',
            },
            // Only when the SetupIntent can no longer be used: the route offers the same one otherwise.
            'onboarding.payment_setup_requested': requestSetupIntent,
            ...untilSubscribed,
          },
        },
        creating_setup_intent: creatingAnotherSetupIntent,
      },
    },

    plan_selected: {
      initial: 'idle',
      states: {
        idle: {
          on: {
            ...cardNews,
            'onboarding.subscription_requested': {
              guard: 'cardIsConfirmed',
              target: 'creating_subscription',
              actions: [
                'remember',
                {
                  type: 'callStripe',
                  params: ({ context: { session_id } }) => ({ session_id, call: 'create_subscription' }),
                },
              ],
            },
            'onboarding.plan_selected': { actions: 'remember' },
            // Another card, after the first payment was declined or the card was removed.
            'onboarding.payment_setup_requested': requestSetupIntent,
            ...untilSubscribed,
          },
        },
        creating_setup_intent: creatingAnotherSetupIntent,
        creating_subscription: {
          on: {
            'onboarding.subscription_created': [
              // Ended at Stripe before we had learnt that it was made.
              {
                guard: 'hasEnded',
                target: '#onboarding.subscription_created.lapsed',
                actions: 'remember',
              },
              {
                guard: 'needsAuthentication',
                target: '#onboarding.subscription_created.awaiting_authentication',
                actions: 'remember',
              },
              { target: '#onboarding.subscription_created.live', actions: 'remember' },
            ],
            'onboarding.subscription_failed': { target: 'idle', actions: 'remember' },
          },
        },
      },
    },

    subscription_created: {
      initial: 'live',
      states: {
        live: {
          on: {
            'onboarding.completed': '#onboarding.completed',
            'onboarding.subscription_expired': {
              guard: 'isThisSubscription',
              target: 'lapsed',
              actions: 'remember',
            },
          },
        },
        awaiting_authentication: {
          // Stripe gives the subscription up after 23 hours. Should that news be lost, Stripe is asked.
          entry: { type: 'lookAfter', params: { hours: 24 } },
          on: {
            'onboarding.subscription_activated': {
              guard: 'isThisSubscription',
              target: 'live',
              actions: 'remember',
            },
            'onboarding.subscription_expired': {
              guard: 'isThisSubscription',
              target: 'lapsed',
              actions: 'remember',
            },
          },
        },
        // The subscription ended before onboarding did: the session is cancelled in the same turn.
        lapsed: { on: { 'onboarding.cancelled': '#onboarding.cancelled' } },
      },
    },

    completed: { type: 'final' },
    cancelled: { type: 'final' },
    expired: { type: 'final' },
  },
})

export type OnboardingValue = StateValueFrom<typeof onboardingMachine>
