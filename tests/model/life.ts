import { bill } from './billing.ts'
import {
  type Discount,
  days,
  type History,
  type Instant,
  minutes,
  type Plan,
  type SubscriptionObservation,
} from './history.ts'
import { historyOf, type Told, type WithoutPosition } from './story.ts'
import { addMonths } from './windows.ts'

export const monthly: Plan = { interval: 'month', amountCents: 9_900 }
export const yearly: Plan = { interval: 'year', amountCents: 99_000 }
export const weekly: Plan = { interval: 'week', amountCents: 2_500 }

type Change = Partial<WithoutPosition<SubscriptionObservation>> & { readonly at: Instant }

interface Life {
  readonly id?: string
  readonly start: Instant
  /** Renewals are told as long as they come before it. */
  readonly until: Instant
  readonly plan?: Plan
  readonly trialEnds?: Instant
  readonly ends?: Instant
  readonly currency?: string
  readonly madeByUs?: boolean
  readonly discount?: Discount
  /** What else changes at the subscription, and when it was seen. */
  readonly changes?: readonly Change[]
  /** What does not happen to renewals: told by the test itself. */
  readonly without?: 'renewals' | 'payments'
}

/**
 * A subscription's life as Stripe shows it: created, renewed by drafts that are final and paid an hour later (void at once
 * while collection is paused), ended.
 */
export function life(options: Life): Told[] {
  const { id = 'sub_1', start, until, plan = monthly, trialEnds = null, ends, without } = options
  const anchor = trialEnds ?? start
  const boundaries = boundariesOf(plan, anchor).filter((boundary) => boundary > start)
  const state = {
    kind: 'subscription' as const,
    subscription: id,
    status: trialEnds === null ? ('active' as const) : ('trialing' as const),
    startedAt: start,
    trialEndsAt: trialEnds,
    periodEndsAt: trialEnds ?? boundaries[0] ?? start,
    cancelAt: null,
    endedAt: null,
    collectionPaused: false,
    plan,
    discount: options.discount ?? null,
    currency: options.currency ?? 'usd',
    pendingCents: 0,
    madeByUs: options.madeByUs ?? true,
    firstInvoice: trialEnds === null ? `first ${id}` : null,
  }
  const changes: Change[] = [
    ...(options.changes ?? []),
    ...(ends === undefined ? [] : [{ at: ends, status: 'canceled' as const, endedAt: ends }]),
  ]
  const told: Told[] = trialEnds === null ? created(`first ${id}`, id, 'create', start, plan, false) : []
  if (without !== 'renewals')
    for (const [index, boundary] of boundaries.entries()) {
      if (boundary >= Math.min(until, ends ?? until)) break
      changes.push({ at: boundary, status: 'active', periodEndsAt: boundaries[index + 1] ?? boundary })
      const invoice = renewalOf(id, boundary)
      const paused = changes.findLast(
        ({ at, collectionPaused }) => at <= boundary && collectionPaused !== undefined,
      )
      told.push(
        ...created(
          invoice,
          id,
          'renewal',
          boundary,
          plan,
          without === undefined && !paused?.collectionPaused,
        ),
      )
      if (paused?.collectionPaused) told.push({ kind: 'voided', at: boundary, invoice })
    }
  const observations: Told[] = [{ ...state, at: start }]
  let seen: WithoutPosition<SubscriptionObservation> = { ...state, at: start }
  for (const change of changes.sort((a, b) => a.at - b.at)) {
    seen = { ...seen, ...change }
    observations.push(seen)
  }
  return [...observations, ...told]
}

/** The renewal's invoice at a boundary: `sub_1 2026-02-01`. */
export function renewalOf(id: string, boundary: Instant): string {
  return `${id} ${new Date(boundary).toISOString().slice(0, 10)}`
}

/** An invoice that Stripe makes of the plan: the first is final and paid at once, a renewal an hour later. */
export function created(
  invoice: string,
  subscription: string,
  reason: 'create' | 'renewal' | 'other',
  when: Instant,
  { amountCents }: Plan,
  paid = true,
): Told[] {
  const draft = reason === 'renewal'
  const final = draft ? when + minutes(60) : when
  const made = {
    invoice,
    subscription,
    reason,
    boundary: when,
    createdAt: when,
    draft,
    planCents: amountCents,
  }
  return [{ kind: 'invoice_created', at: when, ...made }, ...(paid || !draft ? outcomes(invoice, final) : [])]
}

function outcomes(invoice: string, when: Instant): Told[] {
  return [
    { kind: 'finalized', at: when, invoice, balanceCents: 0 },
    { kind: 'paid', at: when, invoice, balanceCents: 0 },
  ]
}

/** The history with every invoice of ours paid as soon as it is made. */
export function paidOurs(history: History, until: Instant): History {
  const told: Told[] = bill(history, until).own.flatMap(({ invoice, madeAt }) => outcomes(invoice, madeAt))
  return historyOf([...history, ...told])
}

function boundariesOf({ interval }: Plan, anchor: Instant): Instant[] {
  const months = { week: 0, month: 1, quarter: 3, year: 12 }[interval]
  return Array.from({ length: 120 }, (_, index) =>
    months === 0 ? anchor + days(7 * index) : addMonths(anchor, months * index),
  )
}
