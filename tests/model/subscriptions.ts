import { type Entry, type Instant, ofKind, type SubscriptionObservation } from './history.ts'

/** All that was seen of one subscription, in the order in which it was recorded; never empty. */
export interface Subscription {
  readonly id: string
  readonly first: SubscriptionObservation
  readonly observations: readonly SubscriptionObservation[]
}

/** In the order in which each was first seen. */
export function subscriptionsOf(known: readonly Entry[]): Subscription[] {
  const groups = Map.groupBy(ofKind(known, 'subscription'), ({ subscription }) => subscription)
  return [...groups].flatMap(([id, observations]) =>
    observations[0] === undefined ? [] : [{ id, first: observations[0], observations }],
  )
}

export function latest(subscription: Subscription): SubscriptionObservation {
  return subscription.observations.at(-1) ?? subscription.first
}

/** As it was known at an instant; what was recorded at that very instant counts. */
export function stateAt(subscription: Subscription, at: Instant): SubscriptionObservation {
  return subscription.observations.findLast((observation) => observation.at <= at) ?? subscription.first
}

/** When it was first seen trialing or active: before that it has no windows. */
export function firstLive(subscription: Subscription): SubscriptionObservation | undefined {
  return subscription.observations.find(({ status }) => status === 'trialing' || status === 'active')
}

/** When it ended, and when that became known. */
export function endOf(subscription: Subscription): { endedAt: Instant; learnedAt: Instant } | undefined {
  const last = subscription.observations.find(({ endedAt }) => endedAt !== null)
  return last === undefined || last.endedAt === null
    ? undefined
    : { endedAt: last.endedAt, learnedAt: last.at }
}

export interface Span {
  readonly from: Instant
  readonly to: Instant
}

/**
 * The time in which collection was paused. Decided: a pause begins and ends when Stripe's answer or webhook that says
 * so is recorded (the subscription itself bears no such time); an end of the subscription does not end it.
 */
export function pausesOf(subscription: Subscription): Span[] {
  const spans: Span[] = []
  let from: Instant | null = null
  for (const { at, collectionPaused } of subscription.observations) {
    if (collectionPaused) from ??= at
    else if (from !== null) {
      spans.push({ from, to: at })
      from = null
    }
  }
  if (from !== null) spans.push({ from, to: Number.POSITIVE_INFINITY })
  return spans
}

export function isPaused(subscription: Subscription, at: Instant): boolean {
  return pausesOf(subscription).some(({ from, to }) => from <= at && at < to)
}

/** While Stripe says so, no base falls due and no line is made; the end of the subscription ends the wait. */
export function linesWait({ status, endedAt }: SubscriptionObservation): boolean {
  return endedAt === null && (status === 'unpaid' || status === 'paused')
}
