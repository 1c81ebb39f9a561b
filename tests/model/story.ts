import { bill } from './billing.ts'
import {
  type Discount,
  days,
  type Entry,
  type History,
  type Instant,
  minutes,
  ownInvoice,
  type Plan,
  type SubscriptionObservation,
  type UsageType,
} from './history.ts'
import type { Line } from './lines.ts'
import { addMonths } from './windows.ts'

type WithoutPosition<E> = E extends Entry ? Omit<E, 'position'> : never
export type Told = WithoutPosition<Entry>

/** Entries that are told in any order, each with its place by the time at which it was recorded. */
export function historyOf(...told: readonly (Told | readonly Told[])[]): History {
  return told
    .flat()
    .sort((a, b) => a.at - b.at)
    .map((entry, position) => ({ ...entry, position }))
}

/** `2026-02-01`, `2026-02-01T00:30`: UTC. */
export function at(text: string): Instant {
  const instant = Date.parse(text.includes('T') ? `${text}:00Z` : text)
  if (Number.isNaN(instant)) throw new Error(`no time: ${text}`)
  return instant
}

/** The guide's rates: $50 an agent, $25 a user, $10 a case, a cent an event, 10 cents for 1000 calls, $100 base. */
export function card(change: Partial<Extract<Told, { kind: 'rate_card' }>> = {}): Told {
  const each = (cents: number, per = 1) => ({ cents, per })
  return {
    kind: 'rate_card',
    at: at('2025-01-01'),
    effectiveAt: at('2025-01-01'),
    currency: 'usd',
    release: 1,
    rates: {
      agent: each(5_000),
      user: each(2_500),
      case: each(1_000),
      event_ingestion: each(1),
      api_call: each(10, 1_000),
      platform_base: each(10_000),
    },
    ...change,
  }
}

/** Usage that occurred then, and was recorded then or later. Its record is named by type, action, quantity and time. */
export function used(type: UsageType, quantity: number, occurred: string, recorded = occurred): Told {
  return usage('increment', type, quantity, at(occurred), at(recorded))
}

export function setTo(type: UsageType, quantity: number, occurred: string, recorded = occurred): Told {
  return usage('set', type, quantity, at(occurred), at(recorded))
}

export function usage(
  action: 'increment' | 'set',
  type: UsageType,
  quantity: number,
  occurredAt: Instant,
  recordedAt: Instant,
): Told {
  const record = `${type} ${action} ${quantity} ${new Date(occurredAt).toISOString()}`
  return { kind: 'usage', record, type, action, quantity, occurredAt, at: recordedAt }
}

export function voided(usage: Told, when: string): Told {
  if (usage.kind !== 'usage') throw new Error('only usage can be voided')
  return { kind: 'usage_void', record: usage.record, at: at(when) }
}

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

/** `2026-02-01`, or `2026-02-01T01:00` where it is not midnight. */
export function textOf(when: Instant): string {
  return new Date(when).toISOString().slice(0, 16).replace('T00:00', '')
}

/** Every line that counts as charged or lies on an invoice, as `2026-01-01 case 3000 on sub_1 2026-02-01`. */
export function lineTexts(lines: readonly Line[]): string[] {
  return lines
    .filter(({ chargedCents, itemCents }) => chargedCents !== 0n || itemCents !== 0n)
    .map(
      ({ window, type, cents, invoice, creditNote }) =>
        `${textOf(window)} ${type} ${cents} ${creditNote ? 'noted' : 'on'} ${invoice}`,
    )
}

/** `own:sub_1:2026-02-01T01:00:00.000Z` */
export function ours(id: string, when: string): string {
  return ownInvoice(id, at(when))
}
