import { z } from 'zod'

const id = z.string().min(1)
const cents = z.int().min(0)
/** What was sent to Stripe: the key, and every parameter, so that the same call can be made again. */
const request = {
  attempt: z.int().positive(),
  idempotency_key: id,
  params: z.record(z.string(), z.unknown()),
}
/** Stripe's refusal: the bank's, or of what was asked for. `code` and `decline_code` are Stripe's own. */
const failure = {
  attempt: z.int().positive(),
  is_decline: z.boolean(),
  code: z.string(),
  decline_code: z.string().nullable(),
  /** Stripe quotes what it refuses. */
  personal: z.object({ message: z.string() }),
}

const selectedDiscount = z.object({
  code: id,
  coupon_id: id,
  promotion_code_id: id.nullable(),
  /** Parts per million: 33.3333 % is 333,333. */
  percent_off_ppm: z.int().min(1).max(1_000_000).nullable(),
  amount_off_cents: cents.nullable(),
  duration: z.enum(['once', 'repeating', 'forever']),
  duration_in_months: z.int().positive().nullable(),
})
export type SelectedDiscount = z.infer<typeof selectedDiscount>

export const selectedPlan = z.object({
  plan_id: id,
  plan_name: z.string(),
  price_id: id,
  amount_cents: cents,
  currency: z.string(),
  /** A quarterly price is one of every 3 months. */
  billing_interval: z.string(),
  billing_interval_count: z.int().positive(),
  discount: selectedDiscount.nullable(),
  discount_cents: cents,
  amount_after_discount_cents: cents,
})
export type SelectedPlan = z.infer<typeof selectedPlan>

/** Whom a session is for. */
export const applicant = z.object({
  email: z.string(),
  name: z.string(),
  company_name: z.string(),
  phone: z.string().nullable(),
})
export type Applicant = z.infer<typeof applicant>

/**
 * The alphabet of the statechart, which is the alphabet of an `onboarding-<session>` stream: type -> data.
 * Personal data stands under `personal` alone.
 */
export const onboardingFacts = {
  'onboarding.started': z.object({
    session_id: id,
    expires_at: z.iso.datetime(),
    /** A keyed hash of what was asked for, which outlives the applicant's erasure. */
    request_hash: z.string(),
    /** `success_url`: where the browser goes on when all is done. */
    personal: applicant.extend({ success_url: z.string().nullable() }),
  }),
  /**
   * The applicant's details, all of them, as they are from now on. `idempotency_key`: of the operation that changes the
   * customer at Stripe; null before there is one. Should Stripe refuse that, the details before these hold.
   */
  'onboarding.applicant_corrected': z.object({ idempotency_key: id.nullable(), personal: applicant }),
  'onboarding.customer_requested': z.object({
    attempt: request.attempt,
    idempotency_key: id,
    personal: z.object({ params: request.params }),
  }),
  'onboarding.customer_created': z.object({ customer_id: id }),
  'onboarding.customer_failed': z.object(failure),
  'onboarding.payment_setup_requested': z.object({
    ...request,
    personal: z.object({ return_url: z.string() }),
  }),
  'onboarding.payment_setup_created': z.object({ setup_intent_id: id }),
  'onboarding.payment_setup_failed': z.object(failure),
  'onboarding.payment_confirmed': z.object({ setup_intent_id: id, payment_method_id: id }),
  'onboarding.payment_declined': z.object({
    setup_intent_id: id,
    code: z.string(),
    decline_code: z.string().nullable(),
  }),
  /** The confirmed card was removed at Stripe, or Stripe does not take it for a subscription. */
  'onboarding.payment_method_unusable': z.object({ payment_method_id: id }),
  'onboarding.plan_selected': selectedPlan,
  'onboarding.subscription_requested': z.object(request),
  'onboarding.subscription_created': z.object({
    subscription_id: id,
    subscription_status: z.string(),
    trial_ends_at: z.iso.datetime().nullable(),
  }),
  'onboarding.subscription_failed': z.object(failure),
  'onboarding.subscription_activated': z.object({ subscription_id: id, subscription_status: z.string() }),
  'onboarding.subscription_expired': z.object({ subscription_id: id, subscription_status: z.string() }),
  'onboarding.completed': z.object({}),
  'onboarding.cancelled': z.object({ reason: z.string() }),
  'onboarding.expired': z.object({}),
}

export type OnboardingFactType = keyof typeof onboardingFacts

/** Of a fact that is read: what is personal stands sealed. */
export type Unopened<D> = D extends { personal: infer P } ? Omit<D, 'personal'> & { personal: P | null } : D

/** What the statechart takes: it looks at nothing personal. */
export type OnboardingEvent = {
  [T in OnboardingFactType]: { type: T; data: Unopened<z.infer<(typeof onboardingFacts)[T]>> }
}[OnboardingFactType]
export type OnboardingFact = {
  [T in OnboardingFactType]: { type: T; data: z.infer<(typeof onboardingFacts)[T]> }
}[OnboardingFactType]
