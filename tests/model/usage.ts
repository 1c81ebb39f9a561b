import { counts, type Entry, type Instant, ofKind, type UsageRecord, type UsageType } from './history.ts'
import { byOccurrence, type Home } from './homes.ts'
import { isPaused, pausesOf, type Span } from './subscriptions.ts'
import type { Window } from './windows.ts'

/**
 * A part of a quantity, at the instant at which it stands. A home's quantity of a type is the sum of its pieces; its
 * price that of the pieces which cost something. Decided: usage that is free is still usage, so it has a quantity:
 * a level in a trial, counts and increments in paused time.
 */
export interface Piece {
  readonly type: UsageType
  readonly at: Instant
  readonly quantity: bigint
  /** The record that it comes from. */
  readonly record: UsageRecord
  readonly costs: boolean
}

export function piecesOf(known: readonly Entry[], home: Home, type: UsageType): Piece[] {
  const records = home.records.filter((record) => record.type === type)
  if (type === 'platform_base') return feePieces(home, records)
  if (counts.some((count) => count === type)) return countPieces(home, records)
  return levelPieces(known, home, records, type)
}

/**
 * The highest level of the window's time outside pauses, where it was first reached, and the increments.
 * Decided: a window that is paused as a whole has no level.
 */
function levelPieces(known: readonly Entry[], { window }: Home, records: UsageRecord[], type: UsageType) {
  const increments = records
    .filter(({ action }) => action === 'increment')
    .map((record) => piece(record, window === null || !isPaused(window.subscription, record.occurredAt)))
  if (window === null) return increments
  const steps = steadyLevels(known, type)
  let highest: Piece | undefined
  for (const { from, to } of outsidePauses(window))
    for (const [index, step] of steps.entries()) {
      const until = steps[index + 1]?.occurredAt ?? Number.POSITIVE_INFINITY
      const at = Math.max(step.occurredAt, from)
      if (at < Math.min(until, to) && step.quantity > Number(highest?.quantity ?? 0n))
        highest = { ...piece(step, !window.trial), at }
    }
  return highest === undefined ? increments : [highest, ...increments]
}

/** The tenant's `set`s of a level; of several in one millisecond only the last. */
function steadyLevels(known: readonly Entry[], type: UsageType): UsageRecord[] {
  const voided = new Set(ofKind(known, 'usage_void').map(({ record }) => record))
  return ofKind(known, 'usage')
    .filter((record) => record.type === type && record.action === 'set' && !voided.has(record.record))
    .sort(byOccurrence)
    .filter((step, index, steps) => steps[index + 1]?.occurredAt !== step.occurredAt)
}

/**
 * What a `set` replaced is no piece. Decided: usage in paused time touches nothing outside it, so a `set` there
 * replaces only what was counted in paused time; a `set` outside replaces both.
 */
function countPieces({ window }: Home, records: UsageRecord[]): Piece[] {
  const costs = (record: UsageRecord) => window === null || !isPaused(window.subscription, record.occurredAt)
  const outside = records.filter(costs)
  const lastSet = outside.findLastIndex(isSet)
  const anySet = records.findLastIndex(isSet)
  return records.flatMap((record, index) => {
    const stands = costs(record) ? outside.indexOf(record) >= lastSet : index >= anySet
    return stands ? [piece(record, costs(record))] : []
  })
}

/**
 * Records of the fee, by their quantities, `set` or not. Decided: in paused time they cost nothing; elsewhere they
 * stand for the automatic base, also where that would not have fallen due, as in a trial.
 */
function feePieces({ window }: Home, records: UsageRecord[]): Piece[] {
  return records.map((record) =>
    piece(record, window === null || !isPaused(window.subscription, record.occurredAt)),
  )
}

function piece(record: UsageRecord, costs: boolean): Piece {
  return {
    type: record.type,
    at: record.occurredAt,
    quantity: BigInt(record.quantity),
    record,
    costs,
  }
}

function isSet({ action }: UsageRecord): boolean {
  return action === 'set'
}

function outsidePauses({ subscription, start, end }: Window): Span[] {
  const spans: Span[] = []
  let from = start
  for (const pause of pausesOf(subscription)) {
    if (pause.from >= end) break
    if (pause.from > from) spans.push({ from, to: pause.from })
    from = Math.max(from, pause.to)
  }
  return from < end ? [...spans, { from, to: end }] : spans
}
