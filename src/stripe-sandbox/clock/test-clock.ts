import type Stripe from 'stripe'
import { addInterval } from '../objects/periods.ts'
import type { Turn } from '../objects/turn.ts'

export type TestClock = Stripe.TestHelpers.TestClock

const type = 'test_helpers.test_clock'

/** The time that a clock is on its way to, unix seconds. */
export const targetOf = (clock: TestClock | undefined) => clock?.status_details.advancing?.target_frozen_time

/** A move has come to its end: clocks that were to get here are ready, and the others have got here too. */
export function arriveTestClocks(turn: Turn): void {
  for (const clock of turn.store.all(type, {})) {
    const target = targetOf(clock)
    const here = { ...clock, frozen_time: Math.max(clock.frozen_time, turn.now) }
    if (target === undefined) turn.store.save(here)
    else if (target <= turn.now)
      turn.emit(
        'test_helpers.test_clock.ready',
        turn.store.save({ ...here, status: 'ready', status_details: {} }),
      )
  }
}

/** A move broke off: no clock gets to where it was to. */
export function failTestClocks(turn: Turn): void {
  for (const clock of turn.store.all(type, { status: 'advancing' }))
    turn.emit(
      'test_helpers.test_clock.internal_failure',
      turn.store.save({ ...clock, status: 'internal_failure', status_details: {} }),
    )
}

/** Two intervals of the clock's shortest subscription, or two years without any: no further does Stripe go at once. */
export function furthestTarget(turn: Turn, clock: TestClock): number {
  const from = Math.max(clock.frozen_time, turn.now)
  const live = turn.store
    .all('subscription', { test_clock: clock.id })
    .filter(({ status }) => status !== 'canceled' && status !== 'incomplete_expired')
  const intervals = live.flatMap(({ items }) => items.data.flatMap(({ price }) => price.recurring ?? []))
  const ends = (intervals.length > 0 ? intervals : [{ interval: 'year', interval_count: 1 }]).map(
    ({ interval, interval_count: count }) => addInterval(from, { interval, interval_count: count * 2 }),
  )
  return Math.min(...ends)
}
