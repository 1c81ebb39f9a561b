/**
 * What the model is told: everything that was recorded of one tenant, in any order in the array. `at` is when an
 * entry was recorded, `position` its place among all entries (unique, and growing with `at`). Cents and quantities are safe integers here; the model answers in BigInt.
 */
export type History = readonly Entry[]

/** Unix milliseconds, UTC. */
export type Instant = number

export const levels = ['agent', 'user'] as const
export const counts = ['case', 'event_ingestion', 'api_call'] as const
export const usageTypes = [...levels, ...counts, 'platform_base'] as const
export type UsageType = (typeof usageTypes)[number]

interface Recorded {
  readonly at: Instant
  readonly position: number
}

/** `cents` for each `per` units. */
export interface Rate {
  readonly cents: number
  readonly per: number
}

/** `release`: of the program that wrote the card; a card of an older release than a card before it never holds. */
export interface RateCard extends Recorded {
  readonly kind: 'rate_card'
  readonly effectiveAt: Instant
  readonly currency: string
  readonly release: number
  readonly rates: Readonly<Record<UsageType, Rate>>
}

export interface UsageRecord extends Recorded {
  readonly kind: 'usage'
  readonly record: string
  readonly occurredAt: Instant
  readonly type: UsageType
  readonly action: 'increment' | 'set'
  readonly quantity: number
}

/** What an operator or the host product does to usage. `window` is a window's start. */
export type UsageDecision = Recorded &
  (
    | { readonly kind: 'usage_void'; readonly record: string }
    | { readonly kind: 'usage_claim'; readonly type: UsageType | null }
    | { readonly kind: 'usage_forgive'; readonly type: UsageType | null; readonly window: Instant | null }
    | { readonly kind: 'usage_release'; readonly type: UsageType; readonly window: Instant }
  )

export interface Plan {
  readonly interval: 'week' | 'month' | 'quarter' | 'year'
  readonly amountCents: number
}

/** `endsAt`: invoices from then on are without it. `once`: the next renewal uses it up. */
export interface Discount {
  readonly percentOff: number | null
  readonly amountOffCents: number | null
  readonly endsAt: Instant | null
  readonly once: boolean
}

/** A subscription as Stripe showed it. `cancelAt` is also the period's end when it is to be cancelled there. */
export interface SubscriptionObservation extends Recorded {
  readonly kind: 'subscription'
  readonly subscription: string
  readonly status:
    | 'incomplete'
    | 'incomplete_expired'
    | 'trialing'
    | 'active'
    | 'past_due'
    | 'unpaid'
    | 'paused'
    | 'canceled'
  readonly startedAt: Instant
  readonly trialEndsAt: Instant | null
  readonly periodEndsAt: Instant
  readonly cancelAt: Instant | null
  readonly endedAt: Instant | null
  readonly collectionPaused: boolean
  readonly plan: Plan
  readonly discount: Discount | null
  readonly currency: string
  /** Items at Stripe that wait for the next renewal (prorations), as far as they were seen. */
  readonly pendingCents: number
  readonly madeByUs: boolean
  /** The invoice that came with its creation, where we made it. */
  readonly firstInvoice: string | null
}

/** An invoice that Stripe made. `boundary`: where the period begins that its plan's line is for. */
export interface InvoiceCreation extends Recorded {
  readonly kind: 'invoice_created'
  readonly invoice: string
  readonly subscription: string | null
  readonly reason: 'create' | 'renewal' | 'other'
  readonly boundary: Instant | null
  /** When Stripe made it; `at` is when it was seen. */
  readonly createdAt: Instant
  /** False: it was final when it was first seen. */
  readonly draft: boolean
  /** All on it that is not ours: the plan after discount, prorations, tax. */
  readonly planCents: number
}

/** What became of an invoice, Stripe's or ours (see `ownInvoice` for the name of one of ours). */
export type InvoiceOutcome = Recorded & { readonly invoice: string } & (
    | Settlement<'finalized'>
    | Settlement<'paid'>
    | PaymentFailure
    | { readonly kind: 'voided' }
    | { readonly kind: 'deleted' }
    | { readonly kind: 'uncollectible' }
    | { readonly kind: 'rebill' }
    | { readonly kind: 'credit_note'; readonly cents: number }
    | { readonly kind: 'lines_refused'; readonly type: UsageType | null }
    | ItemEdit
  )

/** `failedAt`: Stripe's time of it, or the earliest at which it is known to have been; `at` is when that was told. */
interface PaymentFailure {
  readonly kind: 'payment_failed'
  readonly failedAt: Instant
}

interface Settlement<Kind> {
  readonly kind: Kind
  /** Taken from the customer's balance (above zero) or put on it (below). */
  readonly balanceCents: number
}

/** `cents`: what the first item of that window and type is now; 0 where it was removed. */
interface ItemEdit {
  readonly kind: 'item_edited'
  readonly window: Instant
  readonly type: UsageType
  readonly cents: number
}

export type Entry =
  | RateCard
  | UsageRecord
  | UsageDecision
  | SubscriptionObservation
  | InvoiceCreation
  | InvoiceOutcome

export function inOrder(history: History): Entry[] {
  return [...history].sort((a, b) => a.at - b.at || a.position - b.position)
}

/** `ofKind(known, 'usage')`: the entries of that kind, in their order. */
export function ofKind<Kind extends Entry['kind']>(
  known: readonly Entry[],
  kind: Kind,
): Extract<Entry, { kind: Kind }>[] {
  return known.filter((entry): entry is Extract<Entry, { kind: Kind }> => entry.kind === kind)
}

/** The model's name for our own invoice of a subscription, made at that instant. */
export function ownInvoice(subscription: string, madeAt: Instant): string {
  return `own:${subscription}:${new Date(madeAt).toISOString()}`
}

export const minutes = (count: number) => count * 60_000
export const days = (count: number) => count * 86_400_000
