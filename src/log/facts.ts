import { z } from 'zod'
import { onboardingFacts, type Unopened } from '../../machines/onboarding-facts.ts'
import { accesses, accessReasons } from '../../machines/subscription.ts'
import { tableOf } from '../db/keys-of.ts'
import type { Subject } from '../db/tables.ts'
import { usageTypes } from '../db/usage-types.ts'
import { stripeObjectTypes } from '../stripe/object-types.ts'
import { chargeFacts } from './charge-facts.ts'
import type { Json } from './take-apart.ts'

const id = z.string().min(1)
const time = z.iso.datetime({ precision: 3 })
const raw = z.record(z.string(), z.unknown())
/** What `takeApart` has taken out of an object of Stripe's: JSON Pointer -> text. */
const texts = z.record(z.string(), z.custom<Json>())

export { type UsageType, usageTypes } from '../db/usage-types.ts'

/** `rate_cents` for each `per_units` units: 10 cents per 1000 calls is {rate_cents: 10, per_units: 1000}. */
export const rate = z.object({ rate_cents: z.int().min(0), per_units: z.int().positive() })
export const rates = z.object(tableOf(usageTypes, () => rate))
export type Rate = z.infer<typeof rate>
export type Rates = z.infer<typeof rates>

const operations = [
  'create_customer',
  'update_customer',
  'create_setup_intent',
  'replace_card',
  'create_subscription',
  'change_plan',
  'cancel',
  'resume',
  'pause',
  'create_discount',
  'delete_discount',
  'void_invoice',
  'pay_invoice',
  'delete_customer',
] as const
export type Operation = (typeof operations)[number]

/** What a Stripe event is about, beside its raw payload, so that nobody has to parse it to find it again. */
const stripeEvent = {
  event_id: id,
  event_type: id,
  object_type: z.string(),
  object_id: z.string(),
  customer_id: id.nullable(),
  /** Stripe's time, unix seconds. */
  created: z.int().min(0),
  /** As it came, without its texts. */
  event: raw,
  personal: texts,
}

const billingFacts = {
  /** An intent, written before the call. `personal.params` are the exact parameters. */
  'billing.operation_requested': z.object({
    operation: z.enum(operations),
    idempotency_key: id,
    target_id: id.nullable(),
    /** `reason`: why, where somebody was asked to say. */
    personal: z.object({ params: raw, reason: z.string().optional() }),
  }),
  'billing.operation_succeeded': z.object({
    operation: z.enum(operations),
    idempotency_key: id,
    object_id: id,
  }),
  'billing.operation_failed': z.object({
    operation: z.enum(operations),
    idempotency_key: id,
    code: z.string(),
    decline_code: z.string().nullable(),
    /** Stripe quotes what it refuses. */
    personal: z.object({ message: z.string() }),
  }),

  /**
   * A webhook, raw. `applied`: projected into the tables. `ignored`: no type we know. `parked`: about a customer
   * whose tenant is not known yet. `quarantined`: contradicts what we know; `reason` says how. `refetched`: of another
   * API version, so the object was fetched again instead. Only `applied` changes tables other than stripe_events.
   */
  'stripe.event_received': z.object({
    ...stripeEvent,
    api_version: z.string().nullable(),
    livemode: z.boolean(),
    disposition: z.enum(['applied', 'ignored', 'parked', 'quarantined', 'refetched']),
    reason: z.string().nullable(),
    /** Why the payment, or the set-up of a card, that it tells of has failed: Stripe's words. */
    code: z.string().optional(),
    decline_code: z.string().optional(),
  }),
  /** A parked event whose tenant has become known: it is applied with this fact. */
  'stripe.event_released': z.object(stripeEvent),
  /** A parked event that contradicts what has become known: it is not applied; `reason` says why. */
  'stripe.event_quarantined': z.object({ event_id: id, reason: z.string() }),
  /**
   * An object as Stripe's API answered it. `as_of` in unix seconds: the answer's time, or the object's creation for
   * the answer to a create. `is_deleted`: Stripe says that it is gone; `object` is then the stub {id, deleted}.
   */
  'stripe.object_observed': z.object({
    object_type: z.enum(stripeObjectTypes),
    object_id: id,
    as_of: z.int().min(0),
    is_deleted: z.boolean(),
    /** As it came, without its texts. */
    object: raw,
    personal: texts,
  }),

  /**
   * What the tenant may use is another than before, or until when. `failing_since`: the first failure of what is owed and
   * could not be collected, or when the subscription was first seen past due.
   */
  'access.changed': z.object({
    access: z.enum(accesses),
    until: time.nullable(),
    reason: z.enum(accessReasons),
    from: z.enum(accesses),
    failing_since: time.nullable(),
  }),

  /** An operator has decided that this invoice's dispute, which was lost, suspends nobody. */
  'access.dispute_lifted': z.object({
    invoice_id: id,
    personal: z.object({ reason: z.string().nullable() }),
  }),

  'usage.recorded': z.object({
    record_id: id,
    usage_type: z.enum(usageTypes),
    action: z.enum(['increment', 'set']),
    quantity: z.int().min(0),
    is_late: z.boolean(),
    personal: z.object({ idempotency_key: id.nullable(), metadata: raw }),
  }),
  'usage.voided': z.object({ record_id: id, personal: z.object({ reason: z.string().nullable() }) }),
  /** Somebody has looked at the personal data of the fact at this position. */
  'operator.personal_viewed': z.object({ position: z.int().positive(), fact_id: id }),
  /** Somebody was given everything that is kept of the tenant. */
  'operator.tenant_exported': z.object({}),
  /** The tenant's keys are destroyed with this fact: what was sealed by them can never be read again. */
  'tenant.erased': z.object({ keeps_stripe: z.boolean() }),

  'rates.card_set': z.object({
    rate_card_id: id,
    currency: z.string().length(3),
    rates,
    effective_at: time,
    /** The version of Stepledger that set it: what an older one is configured to charge never comes back by itself. */
    release: id,
  }),
}

/**
 * Every fact that may stand in the log: type -> schema of its data. Personal data stands under `data.personal` alone, which
 * the log keeps sealed.
 */
export const facts = { ...onboardingFacts, ...billingFacts, ...chargeFacts }

export type FactType = keyof typeof facts
export type FactData<T extends FactType> = z.infer<(typeof facts)[T]>

export const metadata = z.object({
  /** Who caused it: `key:<id>`, `session:<id>`, `stripe`, `worker`, `startup` or `cli`. */
  actor: id,
  request_id: id.optional(),
  /** The fact id or the Stripe event id that led to this fact. */
  causation: id.optional(),
  /** Of the statechart that allowed the fact. */
  machine_version: id.optional(),
})
export type Metadata = z.infer<typeof metadata>

/** A fact that is about to be appended. `fact_id` makes it idempotent: the log holds each id once. */
export type NewFact<T extends FactType = FactType> = {
  [K in T]: {
    fact_id: string
    type: K
    tenant_id: string | null
    data: FactData<K>
    metadata: Metadata
    /** UTC ISO 8601 with milliseconds: when it happened; `append` says when it was recorded. */
    occurred_at: string
    /** Of a fact that repeats another one: the personal data as it lies sealed in that. `data.personal` is {} then. */
    sealed?: { subject: Subject | null; sealed: string | null }
  }
}[T]

/** A fact of the log. `data.personal` is null where it has not been opened (`personalOf` does), or was erased. */
export type Fact<T extends FactType = FactType> = {
  [K in T]: Omit<NewFact<K>, 'data' | 'sealed'> & {
    data: Unopened<FactData<K>>
    subject: Subject | null
    sealed: string | null
    stream: string
    version: number
    position: number
    recorded_at: string
  }
}[T]

/** `usage-<tenant>` stands apart so that metering never contends with decisions. */
export const streams = {
  onboarding: (sessionId: string) => `onboarding-${sessionId}`,
  billing: (tenantId: string) => `billing-${tenantId}`,
  usage: (tenantId: string) => `usage-${tenantId}`,
  /** Products, prices, coupons and promotion codes. */
  catalog: 'catalog',
  /** Stripe's events that belong to no tenant that we know. */
  stripe: 'stripe',
  rates: 'rates',
  /** What operators have looked at. */
  operators: 'operators',
} as const
