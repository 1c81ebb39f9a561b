import fc from 'fast-check'
import type { Stretch } from '../../src/charges/recorded.ts'
import type { NewFact } from '../../src/log/facts.ts'
import {
  type Entry,
  type Instant,
  ofKind,
  type SubscriptionObservation,
  type UsageType,
  usageTypes,
} from '../model/history.ts'
import { isBefore } from '../model/homes.ts'
import { monthly } from '../model/life.ts'
import { pausesOf, type Span, type Subscription } from '../model/subscriptions.ts'
import type { Window } from '../model/windows.ts'
import { newFact } from '../support/facts.ts'

/** Half a day of a tenant with two windows, times without any before, between and after them, and usage at every edge. */
export type Scene = {
  /** Usage, voids and claims in the order of the log. */
  known: Entry[]
  type: UsageType
  windows: [Window, Window]
  pauses: Span[]
  /** Where parts have to be cut. */
  cuts: Instant[]
}

const start = Date.UTC(2026, 0, 1)
const second = fc.integer({ min: 0, max: 12 * 3600 }).map((seconds) => start + seconds * 1000)
const millisecond = fc.integer({ min: 0, max: 12 * 3_600_000 }).map((ms) => start + ms)
const minute = fc.integer({ min: 0, max: 12 * 60 }).map((minutes) => start + minutes * 60_000)
const sorted = (instants: Instant[]) => [...instants].sort((a, b) => a - b)

const shapes = fc.record({
  type: fc.constantFrom(...usageTypes),
  isTrial: fc.boolean(),
  /** countsFrom, start and end of the one window and of the other. */
  bounds: fc.tuple(second, second, second, second, second, second).map(sorted),
  /** Collection is paused at the first, resumed at the second, … */
  pauses: fc.array(fc.oneof(millisecond, minute), { maxLength: 5 }).map(sorted),
  cuts: fc.array(fc.oneof(millisecond, minute), { maxLength: 4 }),
  /** When much happens in one millisecond. */
  moments: fc.array(millisecond, { minLength: 2, maxLength: 4 }),
})

const uses = fc.array(
  fc.record({
    isOfType: fc.oneof({ weight: 5, arbitrary: fc.constant(true) }, fc.constant(false)),
    isSet: fc.oneof({ weight: 2, arbitrary: fc.constant(false) }, fc.constant(true)),
    quantity: fc.integer({ min: 0, max: 50 }),
    /** Near one of the edges, or anywhere. */
    edge: fc.noBias(fc.nat({ max: 12 })),
    offMs: fc.constantFrom(-1, 0, 0, 0, 1, 60_000),
    anywhere: fc.oneof(millisecond, minute),
    isVoided: fc.oneof({ weight: 5, arbitrary: fc.constant(false) }, fc.constant(true)),
    isLate: fc.boolean(),
    recordedAt: second,
  }),
  { maxLength: 30, size: 'max' },
)

const claims = fc.array(fc.record({ at: second, isOfType: fc.boolean() }), { maxLength: 3 })

export const scenes: fc.Arbitrary<Scene> = fc.tuple(shapes, uses, claims).map(([shape, uses, claims]) => {
  const { type, bounds, cuts } = shape
  const subscription = subscriptionOf(shape.pauses)
  const edges = [...shape.moments, ...bounds, ...shape.pauses, ...cuts]
  const others = usageTypes.filter((other) => other !== type)
  const told = [
    ...uses.map((use, index): Entry => {
      const edge = edges[use.edge]
      return {
        kind: 'usage',
        record: `${index}${use.isVoided ? ' void' : ''}${use.isLate ? ' late' : ''}`,
        type: use.isOfType ? type : (others[index % others.length] ?? type),
        action: use.isSet ? 'set' : 'increment',
        quantity: use.isSet ? use.quantity : use.quantity + 1,
        occurredAt: edge === undefined ? use.anywhere : edge + use.offMs,
        at: use.recordedAt,
        position: 0,
      }
    }),
    ...claims.map(
      ({ at, isOfType }): Entry => ({ kind: 'usage_claim', type: isOfType ? type : null, at, position: 0 }),
    ),
  ].sort((a, b) => a.at - b.at)
  const voids = ofKind(told, 'usage')
    .filter(({ record }) => record.includes('void'))
    .map(({ record }): Entry => ({ kind: 'usage_void', record, at: start + 86_400_000, position: 0 }))
  const [countsFrom = start, begin = start, end = start, nextFrom = start, next = start, last = start] =
    bounds
  const window = (from: Instant, begin: Instant, end: Instant, trial: boolean): Window => ({
    ...{ subscription, start: begin, end, closesAt: end, trial, base: false, countsFrom: from },
  })
  return {
    known: [...told, ...voids].map((entry, position) => ({ ...entry, position })),
    type,
    windows: [window(countsFrom, begin, end, shape.isTrial), window(nextFrom, next, last, false)],
    pauses: pausesOf(subscription).map(({ from, to }) => ({ from, to: Math.min(to, farAway) })),
    cuts,
  }
})

const farAway = Date.UTC(9999, 0, 1)

function subscriptionOf(changes: readonly Instant[]): Subscription {
  const first: SubscriptionObservation = {
    kind: 'subscription',
    subscription: 'sub',
    status: 'active',
    startedAt: start,
    trialEndsAt: null,
    periodEndsAt: farAway,
    cancelAt: null,
    endedAt: null,
    collectionPaused: false,
    plan: monthly,
    discount: null,
    currency: 'usd',
    pendingCents: 0,
    madeByUs: true,
    firstInvoice: null,
    at: start,
    position: 0,
  }
  const observations = changes.map((at, index) => ({ ...first, at, collectionPaused: index % 2 === 0 }))
  return { id: 'sub', first, observations: [first, ...observations] }
}

/** What the scene's usage and voids are in the log. What was recorded after a claim is late. */
export function factsOf({ known }: Scene, tenantId: string): NewFact[] {
  const [claim] = ofKind(known, 'usage_claim')
  const idOf = (record: string) => `${tenantId} ${record}`
  return known.flatMap((entry): NewFact[] => {
    if (entry.kind === 'usage_void')
      return [
        newFact('usage.voided', { record_id: idOf(entry.record), personal: { reason: null } }, { tenantId }),
      ]
    if (entry.kind !== 'usage') return []
    const { record, type, action, quantity, occurredAt } = entry
    const is_late = record.includes('late') || (claim !== undefined && isBefore(claim, entry))
    const data = { record_id: idOf(record), usage_type: type, action, quantity, is_late }
    return [
      newFact(
        'usage.recorded',
        { ...data, personal: { idempotency_key: null, metadata: {} } },
        { tenantId, occurredAt: iso(occurredAt) },
      ),
    ]
  })
}

type Claimed = Stretch & { window: Window }

/** What each window has claimed of the gaps. @param base where the log stood before the scene's facts */
export function claimsOf(scene: Scene, base: number): Claimed[] {
  const { known, windows } = scene
  const claims = claimsOfType(scene).flatMap((claim) => {
    const window = windows.find(({ start, end }) => (start <= claim.at && claim.at < end) || start > claim.at)
    const recorded = ofKind(known, 'usage').filter((record) => isBefore(record, claim)).length
    return window === undefined ? [] : [{ window, position: base + recorded }]
  })
  return windows.flatMap((window) => {
    const before = claims[claims.findIndex((claim) => claim.window === window) - 1]
    const last = claims.findLast((claim) => claim.window === window)
    if (last === undefined) return []
    return gapsOf(scene).flatMap(({ counts }) =>
      counts.map((span) => ({ ...span, after: before?.position ?? 0, upto: last.position, window })),
    )
  })
}

const claimsOfType = ({ known, type }: Scene) =>
  ofKind(known, 'usage_claim').filter((claim) => (claim.type ?? type) === type)

/** The times without a window; `counts` is what of it is no window's, unless it is claimed. */
export function gapsOf({ windows }: Scene) {
  const [first, second] = windows
  const gap = (from: Instant, countsTo: Instant, to: Instant) => ({
    ...{ from, to, counts: countsTo > from ? [{ from: iso(from), to: iso(countsTo) }] : [] },
  })
  return [
    gap(0, first.countsFrom, first.start),
    gap(first.end, second.countsFrom, second.start),
    gap(second.end, farAway, farAway),
  ]
}

export const iso = (instant: Instant) => new Date(instant).toISOString()
