import { assign, setup } from 'xstate'
import type { OnboardingFact, SelectedPlan } from './onboarding-facts.ts'

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
  attempts: { customer: number; payment_setup: number; subscription: number }
}

/** A SetupIntent is asked for first, when one or its card can no longer be used, and after a declined payment. */
const requestSetupIntent = {
  target: 'creating_setup_intent',
  actions: [{ type: 'countAttempt' }, { type: 'callStripe', params: { call: 'create_setup_intent' } }],
} as const

/** What Stripe says of the card that is being set up, or is. */
const cardNews = {
  'onboarding.payment_confirmed': { guard: 'isThisCardUnconfirmed', actions: 'keepCard' },
  'onboarding.payment_declined': { guard: 'isThisCardUnconfirmed', actions: 'keepDecline' },
  'onboarding.payment_method_unusable': { guard: 'isThisCard', actions: 'dropCard' },
} as const

/** Possible as long as there is no subscription and no call is under way. */
const untilSubscribed = {
  'onboarding.applicant_corrected': { actions: 'keepApplicant' },
  'onboarding.cancelled': '#onboarding.cancelled',
  'onboarding.expired': '#onboarding.expired',
} as const

/**
 * The six steps of onboarding: started, customer_created, payment_setup, plan_selected, subscription_created,
 * completed. A step that calls Stripe has an inner state for the time between the fact that asks and the fact that
 * answers; nothing else is possible then, except what Stripe says.
 *
 * Pure: the actions that are not `assign` describe effects (a call, a timer) and are carried out by whoever asked
 * for the transition. All calls carry the idempotency key and the parameters of the fact that asked.
 */
export const onboardingMachine = setup({
  types: {} as { context: OnboardingContext; events: OnboardingFact },
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
      event.type === 'onboarding.subscription_created' &&
      (event.data.subscription_status === 'canceled' ||
        event.data.subscription_status === 'incomplete_expired'),
    needsAuthentication: ({ event }) =>
      event.type === 'onboarding.subscription_created' && event.data.subscription_status === 'incomplete',
  },
  actions: {
    // Effects. `params` name the outbox row: they are the fact's own key and parameters.
    callStripe: (
      _,
      _params: { call: 'create_customer' | 'create_setup_intent' | 'create_subscription' },
    ) => {},
    expireAt: (_, _params: { due_at: string }) => {},
    lookAfter: (_, _params: { hours: number }) => {},

    // Who the applicant is stands in the facts alone: personal data is in no snapshot.
    keepApplicant: () => {},
    begin: assign(({ context, event }) =>
      event.type === 'onboarding.started'
        ? {
            ...context,
            session_id: event.data.session_id,
            expires_at: event.data.expires_at,
          }
        : context,
    ),
    countAttempt: assign(({ context, event }) => {
      const attempts = { ...context.attempts }
      if (event.type === 'onboarding.customer_requested') attempts.customer = event.data.attempt
      if (event.type === 'onboarding.payment_setup_requested') attempts.payment_setup = event.data.attempt
      if (event.type === 'onboarding.subscription_requested') attempts.subscription = event.data.attempt
      return { attempts }
    }),
    keepCustomer: assign(({ event }) =>
      event.type === 'onboarding.customer_created' ? { customer_id: event.data.customer_id } : {},
    ),
    keepSetupIntent: assign(({ event }) =>
      event.type === 'onboarding.payment_setup_created'
        ? { setup_intent_id: event.data.setup_intent_id, payment_method_id: null, decline: null }
        : {},
    ),
    keepCard: assign(({ event }) =>
      event.type === 'onboarding.payment_confirmed'
        ? { payment_method_id: event.data.payment_method_id, decline: null }
        : {},
    ),
    // Its SetupIntent is used up with it: another card needs another one. The plan stays.
    dropCard: assign({ setup_intent_id: null, payment_method_id: null, decline: null }),
    keepDecline: assign(({ event }) =>
      event.type === 'onboarding.payment_declined' ||
      (event.type === 'onboarding.subscription_failed' && event.data.is_decline)
        ? { decline: { code: event.data.code, decline_code: event.data.decline_code } }
        : {},
    ),
    keepPlan: assign(({ event }) => (event.type === 'onboarding.plan_selected' ? { plan: event.data } : {})),
    keepSubscription: assign(({ event }) =>
      event.type === 'onboarding.subscription_created'
        ? {
            subscription_id: event.data.subscription_id,
            subscription_status: event.data.subscription_status,
            trial_ends_at: event.data.trial_ends_at,
            decline: null,
          }
        : {},
    ),
    keepSubscriptionStatus: assign(({ event }) =>
      event.type === 'onboarding.subscription_activated' || event.type === 'onboarding.subscription_expired'
        ? { subscription_status: event.data.subscription_status }
        : {},
    ),
  },
}).createMachine({
  id: 'onboarding',
  context: {
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
    attempts: { customer: 0, payment_setup: 0, subscription: 0 },
  },
  initial: 'new',
  states: {
    new: {
      on: {
        'onboarding.started': {
          target: 'started',
          actions: [
            'begin',
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
              actions: ['countAttempt', { type: 'callStripe', params: { call: 'create_customer' } }],
            },
            // The tenant is a customer already.
            'onboarding.customer_created': {
              target: '#onboarding.customer_created',
              actions: 'keepCustomer',
            },
            ...untilSubscribed,
          },
        },
        creating_customer: {
          on: {
            'onboarding.customer_created': {
              target: '#onboarding.customer_created',
              actions: 'keepCustomer',
            },
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
            'onboarding.payment_setup_created': {
              target: '#onboarding.payment_setup',
              actions: 'keepSetupIntent',
            },
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
              actions: 'keepPlan',
            },
            // Only when the SetupIntent can no longer be used: the route offers the same one otherwise.
            'onboarding.payment_setup_requested': requestSetupIntent,
            ...untilSubscribed,
          },
        },
        creating_setup_intent: {
          on: {
            'onboarding.payment_setup_created': { target: 'idle', actions: 'keepSetupIntent' },
            'onboarding.payment_setup_failed': 'idle',
          },
        },
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
              actions: ['countAttempt', { type: 'callStripe', params: { call: 'create_subscription' } }],
            },
            'onboarding.plan_selected': { actions: 'keepPlan' },
            // Another card, after the first payment was declined or the card was removed.
            'onboarding.payment_setup_requested': requestSetupIntent,
            ...untilSubscribed,
          },
        },
        creating_setup_intent: {
          on: {
            'onboarding.payment_setup_created': { target: 'idle', actions: 'keepSetupIntent' },
            'onboarding.payment_setup_failed': 'idle',
          },
        },
        creating_subscription: {
          on: {
            'onboarding.subscription_created': [
              // Ended at Stripe before we had learnt that it was made.
              {
                guard: 'hasEnded',
                target: '#onboarding.subscription_created.lapsed',
                actions: 'keepSubscription',
              },
              {
                guard: 'needsAuthentication',
                target: '#onboarding.subscription_created.awaiting_authentication',
                actions: 'keepSubscription',
              },
              { target: '#onboarding.subscription_created.live', actions: 'keepSubscription' },
            ],
            'onboarding.subscription_failed': { target: 'idle', actions: 'keepDecline' },
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
              actions: 'keepSubscriptionStatus',
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
              actions: 'keepSubscriptionStatus',
            },
            'onboarding.subscription_expired': {
              guard: 'isThisSubscription',
              target: 'lapsed',
              actions: 'keepSubscriptionStatus',
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
