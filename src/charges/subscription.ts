import { hasEnded, isUsable } from '../../machines/subscription.ts'
import type { Known, Subscription, Window } from './known.ts'

/** While Stripe says so, no base falls due and no line is made; the end of the subscription ends the wait. */
export const linesWait = ({ status, ended_at }: Subscription) =>
  ended_at === null && (status === 'unpaid' || status === 'paused')

/** Our `pause`: access stays, usage is free. Stripe's `paused`, after a trial without a card, is another thing. */
export const isCollectionPaused = ({ is_collection_paused }: Subscription) => is_collection_paused === 1

/** Whether lines may go on a draft of its renewal. */
export const takesLines = (subscription: Subscription) =>
  !isOver(subscription) && !linesWait(subscription) && !isCollectionPaused(subscription)

export const isOver = ({ status, ended_at }: Subscription) => ended_at !== null || hasEnded(status)

/** When it will end by what was decided: null, nobody has. */
export const cancelsAt = ({ cancel_at, cancel_at_period_end, current_period_end }: Subscription) =>
  cancel_at ?? (cancel_at_period_end === 1 ? current_period_end : null)

export function goesOnAfter(subscription: Subscription, time: string): boolean {
  const end = cancelsAt(subscription)
  return !isOver(subscription) && (end === null || end > time)
}

/** It runs, and is paid for or may yet be. */
export const isRunning = (subscription: Subscription) =>
  !isOver(subscription) && isUsable(subscription.status)

export function subscriptionOf(
  { subscriptions }: Known,
  { subscription_id }: Pick<Window, 'subscription_id'>,
): Subscription {
  const subscription = subscriptions.find((each) => each.subscription_id === subscription_id)
  if (subscription === undefined) throw new Error(`A window of ${subscription_id}, which nobody has shown`)
  return subscription
}

export const windowsOf = ({ windows }: Known, { subscription_id }: Subscription) =>
  windows.filter((window) => window.subscription_id === subscription_id)

/** Of the tenant: at most one. */
export const openWindow = ({ windows }: Known) => windows.find(({ closed_at }) => closed_at === null)
