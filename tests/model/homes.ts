import { counts, type Entry, type Instant, ofKind, type UsageRecord } from './history.ts'
import type { Window } from './windows.ts'

/**
 * Where a usage record is at home: a window, or a gap (a time without one, named by the windows before it).
 * Decided here:
 * - Old counts of a gap that a first window takes in leave the gap; each home applies its own `set`s.
 * - A claim takes every count of a gap that was recorded before it, into the window that is open at the claim or, if
 *   none is, into the next one to begin.
 * - A level's increments and a `platform_base` record in a gap are never claimed; they stay unbilled until forgiven.
 */
export interface Home {
  readonly window: Window | null
  readonly records: UsageRecord[]
}

/** Every home that has a record, in no particular order, and every window; voided records are in none. */
export function homesOf(known: readonly Entry[], windows: readonly Window[]): Home[] {
  const voided = new Set(ofKind(known, 'usage_void').map(({ record }) => record))
  const homes = new Map<Window | string, Home>(windows.map((window) => [window, { window, records: [] }]))
  for (const record of ofKind(known, 'usage')
    .filter(({ record }) => !voided.has(record))
    .sort(byOccurrence)) {
    const window = windowOf(record, known, windows)
    const key = window ?? `gap ${windows.filter(({ end }) => end <= record.occurredAt).length}`
    const home = homes.get(key) ?? { window, records: [] }
    home.records.push(record)
    homes.set(key, home)
  }
  return [...homes.values()]
}

/** Records of one millisecond stand in the order in which they were recorded. */
export function byOccurrence(a: UsageRecord, b: UsageRecord): number {
  return a.occurredAt - b.occurredAt || a.at - b.at || a.position - b.position
}

function windowOf(record: UsageRecord, known: readonly Entry[], windows: readonly Window[]): Window | null {
  const { occurredAt, type } = record
  const own = windows.find((window) => holds(window, occurredAt))
  if (own !== undefined) return own
  if (!counts.some((count) => count === type)) return null
  const next = windows.find(({ countsFrom, start }) => countsFrom <= occurredAt && occurredAt < start)
  if (next !== undefined) return next
  const claim = ofKind(known, 'usage_claim').find(
    (claim) => isBefore(record, claim) && (claim.type ?? type) === type,
  )
  if (claim === undefined) return null
  return windows.find((window) => holds(window, claim.at) || window.start > claim.at) ?? null
}

function holds({ start, end }: Window, at: Instant): boolean {
  return start <= at && at < end
}

export function isBefore(a: Entry, b: Entry): boolean {
  return a.at < b.at || (a.at === b.at && a.position < b.position)
}
