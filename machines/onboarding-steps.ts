import type { OnboardingFactType } from './onboarding-facts.ts'

type Step = {
  step: string
  /** Where the session stands once the step is done. */
  status: string
  /** The fact by which it begins; by that one it is done as well, where nobody has to answer. */
  asks: OnboardingFactType
  /** What is requested of Stripe, and the facts that it may become. `waits`: the inner state of the chart until then. */
  call: null | { request: string; waits: string; answers: OnboardingFactType; fails: OnboardingFactType }
}

/** Onboarding in its order: the step below is the next one. Whatever has to know the steps is made of this table. */
export const onboardingSteps = [
  { step: 'start', status: 'started', asks: 'onboarding.started', call: null },
  {
    step: 'create_customer',
    status: 'customer_created',
    asks: 'onboarding.customer_requested',
    call: {
      request: 'create_customer',
      waits: 'creating_customer',
      answers: 'onboarding.customer_created',
      fails: 'onboarding.customer_failed',
    },
  },
  {
    step: 'setup_payment',
    status: 'payment_setup',
    asks: 'onboarding.payment_setup_requested',
    call: {
      request: 'create_setup_intent',
      waits: 'creating_setup_intent',
      answers: 'onboarding.payment_setup_created',
      fails: 'onboarding.payment_setup_failed',
    },
  },
  { step: 'select_plan', status: 'plan_selected', asks: 'onboarding.plan_selected', call: null },
  {
    step: 'create_subscription',
    status: 'subscription_created',
    asks: 'onboarding.subscription_requested',
    call: {
      request: 'create_subscription',
      waits: 'creating_subscription',
      answers: 'onboarding.subscription_created',
      fails: 'onboarding.subscription_failed',
    },
  },
  { step: 'complete', status: 'completed', asks: 'onboarding.completed', call: null },
] as const satisfies readonly Step[]

/** How a session ends that is not completed: the applicant or an operator gives it up, or its time is over. */
const abandonedStatuses = ['cancelled', 'expired'] as const

type AnyStep = (typeof onboardingSteps)[number]
export type CallingStep = Extract<AnyStep, { call: object }>
/** What may be sent to a session that has begun. */
export type StepName = Exclude<AnyStep['step'], 'start'> | 'cancel'
export type SessionStatus = AnyStep['status'] | (typeof abandonedStatuses)[number]

export const callingSteps: readonly CallingStep[] = onboardingSteps.filter((step) => step.call !== null)

/** Of a session that is not abandoned: those up to its own are passed. */
export const stepStatuses: readonly SessionStatus[] = onboardingSteps.map(({ status }) => status)
export const sessionStatuses: readonly SessionStatus[] = [...stepStatuses, ...abandonedStatuses]
export const isAbandoned = (status: SessionStatus) => !stepStatuses.includes(status)

/** Null: the session is over. */
export function stepAfter(status: SessionStatus): StepName | null {
  const next = isAbandoned(status) ? undefined : onboardingSteps[stepStatuses.indexOf(status) + 1]
  return next === undefined || next.step === 'start' ? null : next.step
}
export const finalStatuses: readonly string[] = sessionStatuses.filter((status) => stepAfter(status) === null)

/** What may be sent, in its order, with the fact by which it begins. */
export const factsOfSteps: ReadonlyMap<StepName, OnboardingFactType> = new Map<StepName, OnboardingFactType>([
  ...onboardingSteps.flatMap(({ step, asks }) => (step === 'start' ? [] : [[step, asks] as const])),
  ['cancel', 'onboarding.cancelled'],
])
