import type { Insertable, Kysely, Selectable, Transaction } from 'kysely'
import type { Access, AccessReason } from '../../machines/subscription.ts'
import { keysOf } from './keys-of.ts'
import type { UsageType } from './usage-types.ts'

/** The rows as they stand in both databases; `migrations/add_billing_tables.sql` says what the columns mean. */
export type Tables = {
  billing_events: BillingEvents
  onboarding_sessions: OnboardingSessions
  billing_customers: BillingCustomers
  billing_subscriptions: BillingSubscriptions
  billing_invoices: BillingInvoices
  billing_invoice_items: BillingInvoiceItems
  billing_usage_records: BillingUsageRecords
  billing_usage_sums: BillingUsageSums
  billing_windows: BillingWindows
  billing_window_dues: BillingWindowDues
  billing_usage_lines: BillingUsageLines
  billing_pauses: BillingPauses
  billing_access: BillingAccess
  billing_usage_decisions: BillingUsageDecisions
  billing_payment_methods: BillingPaymentMethods
  billing_discounts: BillingDiscounts
  billing_products: BillingProducts
  billing_prices: BillingPrices
  billing_rate_cards: BillingRateCards
  stripe_events: StripeEvents
  people: People
  effects: Effects
  api_keys: ApiKeys
  idempotency_keys: IdempotencyKeys
  subject_keys: SubjectKeys
  erased_tenants: ErasedTenants
  usage_billing: UsageBilling
}

/** Every one of them: the compiler says when one is left out. */
export const tableNames = keysOf({
  billing_events: true,
  onboarding_sessions: true,
  billing_customers: true,
  billing_subscriptions: true,
  billing_invoices: true,
  billing_invoice_items: true,
  billing_usage_records: true,
  billing_usage_sums: true,
  billing_windows: true,
  billing_window_dues: true,
  billing_usage_lines: true,
  billing_pauses: true,
  billing_access: true,
  billing_usage_decisions: true,
  billing_payment_methods: true,
  billing_discounts: true,
  billing_products: true,
  billing_prices: true,
  billing_rate_cards: true,
  stripe_events: true,
  people: true,
  effects: true,
  api_keys: true,
  idempotency_keys: true,
  subject_keys: true,
  erased_tenants: true,
} satisfies Record<Exclude<keyof Tables, View>, true>)

export type View = 'usage_billing'
export const viewNames: readonly View[] = ['usage_billing']

/** Where queries run. A function that writes, or that decides on what it reads, takes a `Trx`. */
export type Reader = Kysely<Tables> & { readonly seals: Seals }
export type Trx = Transaction<Tables> & { readonly seals: Seals; readonly logEnd: LogEnd }

/**
 * The log's end, as far as this transaction has read or written it: nobody else writes meanwhile. `position`: the last one of all;
 * `heads`: the last fact of each stream.
 */
export type LogEnd = {
  position: number | undefined
  readonly heads: Map<string, { version: number; hash: string }>
}

/**
 * Whose personal data it is: `customer` and `event` for what has no tenant yet, `seller` for what belongs to none. `hashes`
 * is the key of keyed hashes alone.
 */
export type Subject = `${'tenant' | 'customer' | 'event'}:${string}` | 'seller' | 'hashes'

/** Seals and opens personal data, each under the key of its subject. */
export type Seals = {
  /**
   * A subject that is new gets its key. Null: the tenant was erased, and nothing personal is kept of it any more.
   * @throws NoPersonalKey
   */
  seal(subject: Subject, tenantId: string | null, text: string, now: string): Promise<string | null>
  /** Null: the subject was erased. @throws NoPersonalKey */
  open(subject: Subject, sealed: string): Promise<string | null>
  /** A subject without a tenant is this tenant's from now on: its key goes when the tenant is erased. */
  handOver(subject: Subject, tenantId: string): Promise<void>
  /** What was read or made is looked up again. */
  forgetKeys(): void
  /**
   * HMAC-SHA256 under a key of this database's own, hex: the same text can be known again when it was erased, and cannot be
   * guessed from the hash. @throws NoPersonalKey
   */
  hash(text: string, now: string): Promise<string>
}

export type Row<T extends keyof Tables> = Selectable<Tables[T]>
export type NewRow<T extends keyof Tables> = Insertable<Tables[T]>

/** 0 or 1: SQLite has no booleans, and rows must be the same bytes in both databases. */
export type Flag = 0 | 1
export const flag = (value: boolean | null | undefined): Flag => (value ? 1 : 0)

type BillingEvents = {
  position: number
  stream: string
  version: number
  fact_id: string
  type: string
  tenant_id: string | null
  data: string
  subject: Subject | null
  sealed: string | null
  metadata: string
  occurred_at: string
  recorded_at: string
  previous_hash: string
  hash: string
}

type OnboardingSessions = {
  session_id: string
  tenant_id: string
  status: string
  /** Where it is in the statechart, such as `plan_selected.creating_subscription`. */
  place: string
  snapshot: string
  version: number
  machine_version: string
  customer_id: string | null
  setup_intent_id: string | null
  subscription_id: string | null
  reserved_coupon_id: string | null
  reserved_promotion_code_id: string | null
  expires_at: string
  created_at: string
  updated_at: string
  last_position: number
}

/** `as_of` is Stripe's time in unix seconds; `last_position` the last fact that changed the row. */
type Mirror = { as_of: number; created_at: string; updated_at: string; last_position: number }

type BillingCustomers = Mirror & {
  customer_id: string
  tenant_id: string
  email: string | null
  name: string | null
  phone: string | null
  default_payment_method_id: string | null
  balance_cents: number
  is_delinquent: Flag
  is_deleted: Flag
}

type People = {
  tenant_id: string
  email: string | null
  name: string | null
  company_name: string | null
  phone: string | null
  last_position: number
}

type BillingSubscriptions = Mirror & {
  subscription_id: string
  tenant_id: string
  customer_id: string
  status: string
  item_id: string | null
  price_id: string | null
  product_id: string | null
  plan_id: string | null
  quantity: number
  amount_cents: number | null
  currency: string | null
  billing_interval: string | null
  billing_interval_count: number | null
  discounts: string
  started_at: string | null
  trial_ends_at: string | null
  current_period_start: string | null
  current_period_end: string | null
  cancel_at_period_end: Flag
  cancel_at: string | null
  canceled_at: string | null
  ended_at: string | null
  is_paused: Flag
  is_collection_paused: Flag
  collection_method: string
  days_until_due: number | null
  default_payment_method_id: string | null
  latest_invoice_id: string | null
  made_under: string | null
  first_base_cents: number | null
}

type BillingInvoices = Mirror & {
  invoice_id: string
  tenant_id: string
  customer_id: string
  subscription_id: string | null
  number: string | null
  status: string
  billing_reason: string | null
  currency: string
  total_cents: number
  amount_due_cents: number
  amount_paid_cents: number
  amount_remaining_cents: number
  credited_cents: number
  balance_cents: number
  refunded_cents: number
  disputed_cents: number
  dispute_status: string | null
  dispute_lifted_at: string | null
  returns_as_of: number | null
  attempt_count: number
  payment_failed_at: string | null
  next_attempt_at: string | null
  period_start: string | null
  period_end: string | null
  boundary_at: string | null
  due_at: string | null
  paid_at: string | null
  hosted_invoice_url: string | null
  made_under: string | null
  made_at: string | null
}

type BillingInvoiceItems = {
  item_id: string
  tenant_id: string
  customer_id: string
  subscription_id: string | null
  invoice_id: string | null
  amount_cents: number
  currency: string
  made_under: string | null
  is_proration: Flag
  product_id: string | null
  is_discountable: Flag
  is_deleted: Flag
  as_of: number
  last_position: number
}

type BillingUsageRecords = {
  record_id: string
  tenant_id: string
  usage_type: string
  action: 'increment' | 'set'
  quantity: number
  occurred_at: string
  recorded_at: string
  idempotency_key: string | null
  metadata: string | null
  is_late: Flag
  voided_at: string | null
  position: number
  last_position: number
}

type BillingUsageSums = {
  sum_id: string
  tenant_id: string
  usage_type: string
  scale: 'minute' | 'hour'
  starts_at: string
  quantity: string
  last_position: number
}

type BillingWindows = {
  window_id: string
  tenant_id: string
  subscription_id: string
  starts_at: string
  ends_at: string
  anchor_at: string
  is_trial: Flag
  is_converted: Flag
  has_base: Flag
  counts_from: string
  currency: string
  closed_at: string | null
  draft_id: string | null
  draft_again_at: string | null
  missed_at: string | null
  billed_at: string | null
  late_at: string | null
  is_final: Flag
  last_position: number
}

type BillingWindowDues = {
  due_id: string
  tenant_id: string
  window_id: string
  usage_type: UsageType
  quantity: string
  due_cents: string
  state: 'priced' | 'held' | 'unpriced'
  last_position: number
}

type BillingUsageLines = {
  line_id: string
  tenant_id: string
  subscription_id: string
  window_id: string
  usage_type: UsageType
  kind: 'item' | 'first' | 'credit_note' | 'forgiven'
  invoice_id: string | null
  invoice_key: string | null
  quantity: string
  amount_cents: number
  item_cents: number
  charged_cents: number
  refusal: string | null
  upto_position: number
  made_at: string
  position: number
  last_position: number
}

/** A view. */
type UsageBilling = {
  record_id: string
  tenant_id: string
  window_id: string | null
  invoice_id: string | null
  billed_at: string | null
}

type BillingPauses = {
  pause_id: string
  tenant_id: string
  subscription_id: string
  paused_at: string
  resumed_at: string | null
  billed_at: string | null
  last_position: number
}

type BillingAccess = {
  tenant_id: string
  access: Access
  until: string | null
  reason: AccessReason
  failing_since: string | null
  since: string
  last_position: number
}

type BillingUsageDecisions = {
  decision_id: string
  tenant_id: string
  usage_type: UsageType
  decision: 'claimed' | 'forgiven' | 'released'
  starts_at: string
  ends_at: string
  window_id: string | null
  after_position: number
  position: number
  last_position: number
}

type BillingPaymentMethods = Mirror & {
  payment_method_id: string
  tenant_id: string
  customer_id: string
  type: string
  brand: string | null
  last4: string | null
  exp_month: number | null
  exp_year: number | null
  detached_at: string | null
}

type BillingDiscounts = Mirror & {
  discount_id: string
  kind: 'coupon' | 'promotion_code'
  tenant_id: null
  code: string
  coupon_id: string
  name: string | null
  percent_off_ppm: number | null
  amount_off_cents: number | null
  currency: string | null
  duration: string | null
  duration_in_months: number | null
  max_redemptions: number | null
  times_redeemed: number
  expires_at: string | null
  is_active: Flag
  first_time_transaction: Flag
  made_under: string | null
  is_deleted: Flag
}

type BillingProducts = Mirror & {
  product_id: string
  tenant_id: null
  plan_id: string
  name: string
  description: string | null
  is_active: Flag
  is_deleted: Flag
}

type BillingPrices = Mirror & {
  price_id: string
  tenant_id: null
  product_id: string
  amount_cents: number | null
  currency: string
  billing_interval: string | null
  interval_count: number | null
  is_active: Flag
  is_deleted: Flag
}

type BillingRateCards = {
  rate_card_id: string
  tenant_id: null
  currency: string
  rates: string
  effective_at: string
  recorded_at: string
  release: string
  last_position: number
}

type StripeEvents = {
  event_id: string
  tenant_id: string | null
  type: string
  object_id: string
  customer_id: string | null
  disposition: 'applied' | 'ignored' | 'parked' | 'quarantined' | 'refetched' | 'released'
  reason: string | null
  created_at: string
  received_at: string
  last_position: number
}

type Effects = {
  effect_id: string
  tenant_id: string | null
  stream: string
  kind: string
  params: string
  status: 'pending' | 'done' | 'failed'
  attempts: number
  due_at: string
  claimed_until: string | null
  claimed_by: string | null
  last_error: string | null
  created_at: string
  updated_at: string
}

type ApiKeys = {
  key_id: string
  hash: string
  scope: 'admin' | 'platform' | 'tenant' | 'session'
  tenant_id: string | null
  session_id: string | null
  created_at: string
  expires_at: string | null
  revoked_at: string | null
}

type IdempotencyKeys = {
  key_id: string
  key_hash: string
  tenant_id: string | null
  request_hash: string
  status: number | null
  reply: string | null
  created_at: string
}

type SubjectKeys = {
  subject: Subject
  tenant_id: string | null
  wrapped: string
  wrapped_by: string
  created_at: string
}

type ErasedTenants = {
  tenant_id: string
  erased_at: string
  last_position: number
}
