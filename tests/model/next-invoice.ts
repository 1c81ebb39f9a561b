import { sum } from './cents.ts'
import { duesOf, largestCents } from './dues.ts'
import { days, type Instant, type SubscriptionObservation } from './history.ts'
import { type Difference, differencesOf, fitting } from './lines.ts'
import { type Billing, toMake } from './making.ts'
import { cardAt, cardsOf, priced } from './rates.ts'
import { endOf, latest, linesWait, type Subscription, subscriptionsOf } from './subscriptions.ts'
import { type Window, windowsOf } from './windows.ts'

/**
 * The cents of the invoice that the next window end will make, on what is known; null when it will make none.
 * Decided here:
 * - With several subscriptions it is that of the one with an open window. With none, of the last that ended: what
 *   still waits for an invoice of ours, null when nothing does.
 * - Levels and the base go by the card that, as recorded until now, will hold at the window's end.
 * - A window end that is no renewal and has nothing above zero makes no invoice: null, not 0.
 * - While Stripe says unpaid or paused, and in a trial that will be cancelled at its end: null.
 * - What waits at Stripe (prorations) is on the next renewal, and counts where that is at the window's end.
 * - What Stripe does not take on one invoice waits for another.
 * - Once a window has ended, what was not yet put on an invoice counts here until it is, with the open window's.
 */
export function nextInvoiceAmountCents(billing: Billing, now: Instant): bigint | null {
  const open = windowsOf(billing.known, now).findLast(({ closesAt }) => closesAt > now)
  if (open === undefined) return lastInvoice(billing, now)
  const state = latest(open.subscription)
  const goesOn = state.cancelAt === null || state.cancelAt > open.end
  if (linesWait(state) || (open.trial && !goesOn)) return null
  const renews = goesOn && !state.collectionPaused && renewsAt(state, open.end)
  const dues = duesOf(billing.known, now).filter((due) => due.window.subscription.id === open.subscription.id)
  const differences = differencesOf(dues, billing.lines)
  if (goesOn && !state.collectionPaused) differences.push(...nextBase(billing, open))
  if (!renews && !differences.some(({ cents }) => cents > 0n)) return null
  const isNext = open.end === state.periodEndsAt
  const plan = renews ? planAfterDiscount(state, open.end) + BigInt(isNext ? state.pendingCents : 0) : 0n
  return plan + sum(fitting(differences, [], plan > 0n ? plan : 0n).map(({ cents }) => cents))
}

function lastInvoice(billing: Billing, now: Instant): bigint | null {
  const ended = subscriptionsOf(billing.known).findLast((subscription) => endOf(subscription) !== undefined)
  if (ended === undefined) return null
  const differences = toMake(billing, ended, now)
  if (!differences.some(({ cents }) => cents > 0n)) return null
  return sum(fitting(differences, [], 0n).map(({ cents }) => cents))
}

function nextBase({ known }: Billing, window: Window): Difference[] {
  const { rates, currency } = cardAt(cardsOf(known), window.end)
  const cents = priced([{ quantity: 1n, rate: rates.platform_base }], currency)
  if (currency !== window.subscription.first.currency || cents > largestCents) return []
  const due = {
    window,
    type: 'platform_base' as const,
    quantity: 1n,
    cents,
    held: false,
    unpriced: false,
    pieces: [],
    forgivenCents: 0n,
  }
  return [{ due, cents }]
}

/** Weeks are counted on from the period's end; of longer periods only the one under way can end with a window. */
function renewsAt({ periodEndsAt, plan }: SubscriptionObservation, end: Instant): boolean {
  return plan.interval === 'week'
    ? end >= periodEndsAt && (end - periodEndsAt) % days(7) === 0
    : end === periodEndsAt
}

/** The discount rounded half up, and no larger than the plan. */
export function planAfterDiscount(
  { plan, discount, periodEndsAt }: SubscriptionObservation,
  at: Instant,
): bigint {
  const amount = BigInt(plan.amountCents)
  if (discount === null || (discount.endsAt !== null && discount.endsAt <= at)) return amount
  if (discount.once && at !== periodEndsAt) return amount
  const percent = Math.round((discount.percentOff ?? 0) * 10_000)
  const off = priced([{ quantity: amount, rate: { cents: percent, per: 1_000_000 } }], '')
  const left = amount - off - BigInt(discount.amountOffCents ?? 0)
  return left > 0n ? left : 0n
}

/** The subscription whose windows are the tenant's now, or were last. */
export function currentSubscription({ known }: Billing, now: Instant): Subscription | undefined {
  const windows = windowsOf(known, now)
  const open = windows.findLast(({ closesAt }) => closesAt > now)
  return (open ?? windows.at(-1))?.subscription ?? subscriptionsOf(known).at(-1)
}
