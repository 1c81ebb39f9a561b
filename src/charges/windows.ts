import type { FactData } from '../log/facts.ts'
import type { Known, Subscription, Window } from './known.ts'
import { dayMs, later, latest, monthAt } from './months.ts'
import {
  cancelsAt,
  isCollectionPaused,
  isOver,
  isRunning,
  linesWait,
  openWindow,
  windowsOf,
} from './subscription.ts'

/** Counts of a time without a subscription go to the first window of the next one when they are at most this old at its start. */
const countsFromMs = 35 * dayMs

/**
 * The window that is to be opened now: the first of a subscription that Stripe shows in trial or active, where the tenant has
 * none that is open. One that lived beside another begins where that has ended, without a second base.
 */
export function windowToOpen(known: Known, now: string): FactData<'usage.window_opened'> | undefined {
  if (openWindow(known) !== undefined) return undefined
  const free = known.windows.reduce((end, { ends_at }) => latest(end, ends_at), '')
  for (const subscription of known.subscriptions) {
    const { subscription_id, started_at, created_at, trial_ends_at, currency, made_under } = subscription
    if (isOver(subscription) || currency === null || windowsOf(known, subscription).length > 0) continue
    const start = started_at ?? created_at
    const isSecond = start < free
    const isSeen = isSecond ? isRunning(subscription) : ['trialing', 'active'].includes(subscription.status)
    if (!isSeen) continue
    const begun = isSecond ? free : now
    const anchor = trial_ends_at ?? start
    const isTrial = begun < anchor
    const month = isTrial ? { start, end: anchor } : monthAt(anchor, begun)
    const from = isSecond ? latest(month.start, free) : month.start
    return {
      subscription_id,
      start: from,
      end: month.end,
      is_trial: isTrial,
      has_base: !isTrial && !isSecond && made_under !== null,
      anchor,
      counts_from: from === start ? latest(later(from, -countsFromMs), free) : from,
      currency,
    }
  }
  return undefined
}

/** How an open window is to be closed now, if it is: at its end, or earlier where the subscription has ended. */
export function windowToClose(
  window: Window,
  subscription: Subscription,
  now: string,
): Pick<FactData<'usage.window_closed'>, 'end' | 'next'> | undefined {
  const endedAt = subscription.ended_at ?? (isOver(subscription) ? now : null)
  if (endedAt !== null && endedAt < window.ends_at)
    return { end: latest(endedAt, window.starts_at), next: null }
  if (window.ends_at > now) return undefined
  const goesOn = endedAt === null || endedAt > window.ends_at
  return { end: window.ends_at, next: goesOn ? nextOf(window, subscription) : null }
}

function nextOf({ ends_at: start, anchor_at }: Window, subscription: Subscription) {
  const { end } = monthAt(anchor_at, start)
  return { start, end, has_base: baseFallsDue(subscription, start) }
}

/** As things stand when its month begins. */
export function baseFallsDue(subscription: Subscription, start: string): boolean {
  const end = cancelsAt(subscription)
  const isEnding = end !== null && end <= start
  return !isOver(subscription) && !isEnding && !linesWait(subscription) && !isCollectionPaused(subscription)
}
