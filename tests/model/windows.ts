import { days, type Entry, type Instant } from './history.ts'
import { endOf, firstLive, type Subscription, subscriptionsOf } from './subscriptions.ts'

/** A service month (or a whole trial) of one subscription, `[start, end)`. Its key is subscription and start. */
export interface Window {
  readonly subscription: Subscription
  readonly start: Instant
  readonly end: Instant
  /** When it closes on what is known: its end, or the moment at which an earlier end of the subscription was learned. */
  readonly closesAt: Instant
  readonly trial: boolean
  /** Whether the automatic base may fall due for it. */
  readonly base: boolean
  /** Counts since then that lie in no window belong to it too: 35 days before a first window, else its start. */
  readonly countsFrom: Instant
}

/**
 * Every window of the tenant that has begun. Windows of one tenant never overlap. Decided here:
 * - A subscription that was first live beside another one begins at the instant at which that one ended: the rest of
 *   its own month, as a first window without base. What was used before then stays the other one's.
 * - A month that had closed before an earlier end of the subscription was learned keeps its bounds; an open one is cut.
 * - A month that had begun when it was learned that the subscription had ended before it is left as an empty window
 *   without a base: what was charged for it is a credit.
 * - A trial that is given when a paid month has begun is no trial: months go on.
 * - Old counts go to a first window only if it begins with the subscription: one taken over in a later month of its
 *   life takes nothing from before that month.
 */
export function windowsOf(known: readonly Entry[], now: Instant): Window[] {
  const windows: Window[] = []
  let free = Number.NEGATIVE_INFINITY
  for (const subscription of subscriptionsOf(known)) {
    const live = firstLive(subscription)
    const ended = endOf(subscription)
    if (live === undefined || free === Number.POSITIVE_INFINITY) continue
    const second = free > live.at
    if (second && ended !== undefined && ended.endedAt <= free) continue
    const own = cut(boundsOf(subscription, second ? free : live.at), ended, now)
    own.forEach(({ start, closesAt, trial, end }, index) => {
      const from = index === 0 && second ? Math.max(start, free) : start
      const isFirst = index === 0 && from === live.startedAt
      const isLive = ended === undefined || from < ended.endedAt || isFirst
      windows.push({
        subscription,
        start: from,
        end,
        closesAt,
        trial,
        base: !trial && isLive && (index > 0 || (live.madeByUs && !second)),
        countsFrom: isFirst ? from - days(35) : from,
      })
    })
    if (own.length > 0)
      free = ended === undefined ? Number.POSITIVE_INFINITY : Math.max(ended.endedAt, own.at(-1)?.end ?? 0)
  }
  return windows
}

interface Bounds {
  readonly start: Instant
  readonly end: Instant
  readonly trial: boolean
}

/** Without end: the trial if there is one, then month after month, the first being the one of `begunAt`. */
function* boundsOf(subscription: Subscription, begunAt: Instant): Generator<Bounds> {
  const { startedAt } = subscription.first
  const trialEnd = trialEndOf(subscription)
  const anchor = trialEnd ?? startedAt
  if (begunAt < anchor) yield { start: startedAt, end: anchor, trial: true }
  let month = 0
  while (addMonths(anchor, month + 1) <= begunAt) month++
  for (; ; month++) yield { start: addMonths(anchor, month), end: addMonths(anchor, month + 1), trial: false }
}

/** The end that was known when it came: extended, brought forward or ended by hand until then. */
function trialEndOf(subscription: Subscription): Instant | null {
  let end = firstLive(subscription)?.trialEndsAt ?? null
  for (const { at, trialEndsAt } of subscription.observations)
    if (end !== null && trialEndsAt !== null && at <= end) end = trialEndsAt
  return end
}

function cut(bounds: Iterable<Bounds>, ended: ReturnType<typeof endOf>, now: Instant) {
  const found: (Bounds & { closesAt: Instant })[] = []
  for (const window of bounds) {
    // The first is there also where all ends in the instant in which it began.
    const isCutOff = ended !== undefined && ended.learnedAt <= window.start && found.length > 0
    if (window.start > now || isCutOff) break
    if (ended !== undefined && ended.learnedAt <= window.end && ended.endedAt < window.end) {
      const end = Math.max(ended.endedAt, window.start)
      found.push({ ...window, end, closesAt: Math.max(end, ended.learnedAt) })
      break
    }
    found.push({ ...window, closesAt: window.end })
  }
  return found
}

/** The same day and time so many months later, or the month's last day where it is shorter. */
export function addMonths(anchor: Instant, months: number): Instant {
  const date = new Date(anchor)
  const day = date.getUTCDate()
  date.setUTCDate(1)
  date.setUTCMonth(date.getUTCMonth() + months)
  const last = new Date(Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 0)).getUTCDate()
  return date.setUTCDate(Math.min(day, last))
}
