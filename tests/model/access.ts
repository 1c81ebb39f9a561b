import { days, type Instant } from './history.ts'
import type { Invoice } from './invoices.ts'
import { latest, type Subscription } from './subscriptions.ts'

export interface Access {
  readonly access: 'full' | 'grace' | 'suspended' | 'none'
  readonly until: Instant | null
}

/**
 * What the tenant may use. Decided here:
 * - `oldest` is the open invoice whose first payment failed first, whichever subscription or hand made it.
 * - Past due without such an invoice: grace counts from when past due was first seen.
 * - A subscription that never got beyond incomplete gives none, also when it has expired.
 * - Grace ends at its very instant. Suspended and none have no `until`.
 */
export function accessOf(
  subscription: Subscription | undefined,
  invoices: readonly Invoice[],
  now: Instant,
  graceDays: number,
): Access {
  if (subscription === undefined) return { access: 'none', until: null }
  const { status, cancelAt, endedAt } = latest(subscription)
  if (status === 'incomplete' || status === 'incomplete_expired') return { access: 'none', until: null }
  if (endedAt !== null || status === 'canceled' || status === 'unpaid' || status === 'paused')
    return { access: 'suspended', until: null }
  const failures = failed(invoices).flatMap(({ firstFailureAt }) => firstFailureAt ?? [])
  if (status === 'past_due' && failures.length === 0) failures.push(pastDueSince(subscription))
  if (failures.length === 0) return { access: 'full', until: cancelAt }
  const graceEnds = Math.min(...failures) + days(graceDays)
  return now < graceEnds ? { access: 'grace', until: graceEnds } : { access: 'suspended', until: null }
}

/** What makes a tenant delinquent: every open invoice past its first failure. */
export function failed(invoices: readonly Invoice[]): Invoice[] {
  return invoices.filter(({ status, firstFailureAt }) => status === 'open' && firstFailureAt !== null)
}

function pastDueSince({ observations, first }: Subscription): Instant {
  const before = observations.findLastIndex(({ status }) => status !== 'past_due')
  return (observations[before + 1] ?? first).at
}
