import { sum } from './cents.ts'
import { type Entry, type Instant, levels, ofKind, type Rate, type UsageType, usageTypes } from './history.ts'
import { type Home, homesOf } from './homes.ts'
import { type Cards, cardAt, cardsOf, priced } from './rates.ts'
import { endOf, isPaused, linesWait, stateAt } from './subscriptions.ts'
import { type Piece, piecesOf } from './usage.ts'
import { type Window, windowsOf } from './windows.ts'

/** What one window owes for one type, on what is known. */
export interface Due {
  readonly window: Window
  readonly type: UsageType
  /** Of what costs something. */
  readonly quantity: bigint
  readonly cents: bigint
  readonly pieces: readonly Piece[]
  /** No line is made, because of the currencies. */
  readonly unpriced: boolean
  /** No line is made, because the amount is above Stripe's largest and nobody has released it. */
  readonly held: boolean
  /** What it would be, had the trial led to a paid month. */
  readonly forgivenCents: bigint
}

export const largestCents = 99_999_999n

/** In the order of the windows, and in a window of the types: the order in which credits are used up too. */
export function duesOf(known: readonly Entry[], now: Instant): Due[] {
  return homesOf(known, windowsOf(known, now)).flatMap((home) => {
    const { window } = home
    return window === null ? [] : usageTypes.map((type) => dueOf(known, { ...home, window }, type))
  })
}

function dueOf(known: readonly Entry[], home: Home & { window: Window }, type: UsageType): Due {
  const { window } = home
  const pieces = piecesOf(known, home, type)
  const parts = partsOf(cardsOf(known), window, type, pieces)
  const { currency } = window.subscription.first
  const cents = priced(parts, currency)
  const forgiven = isForgivenTrial(known, window)
  const released = ofKind(known, 'usage_release').some(
    (release) => release.window === window.start && release.type === type,
  )
  return {
    window,
    type,
    quantity: sum(parts.map(({ quantity }) => quantity)),
    cents: forgiven ? 0n : cents,
    pieces,
    unpriced: cents > 0n && parts.some((part) => part.currency !== currency),
    held: !forgiven && cents > largestCents && !released,
    forgivenCents: forgiven ? cents : 0n,
  }
}

/** The quantities that cost something, each at its rate; of the base, with no record of it, the automatic one. */
export function partsOf(cards: Cards, window: Window, type: UsageType, pieces: readonly Piece[]) {
  const parts = pieces
    .filter(({ costs }) => costs)
    .map(({ quantity, at }) => ({ quantity, ...rateOf(cards, window, type, at) }))
  if (type === 'platform_base' && pieces.length === 0 && baseFallsDue(window))
    parts.push({ quantity: 1n, ...rateOf(cards, window, type, window.start) })
  return parts
}

/**
 * A count by the card of its time, a level by that of the window's end, the base by that of its start. Decided: a card
 * that holds from the very instant of the end prices the next window's levels, not this one's.
 */
export function rateOf(
  cards: Cards,
  window: Window | null,
  type: UsageType,
  at: Instant,
): { rate: Rate; currency: string } {
  const isLevel = levels.some((level) => level === type)
  const time = window === null ? at : isLevel ? window.end - 1 : type === 'platform_base' ? window.start : at
  const { rates, currency } = cardAt(cards, time)
  return { rate: rates[type], currency }
}

/** Decided: a subscription that Stripe showed as waiting when the window began has no base for it, also later. */
function baseFallsDue({ subscription, start, base }: Window): boolean {
  const state = stateAt(subscription, start)
  const over = state.cancelAt !== null && state.cancelAt <= start
  return base && !over && !linesWait(state) && !isPaused(subscription, start)
}

/**
 * Decided: a trial owes once the subscription was seen active, past due or unpaid at the trial's end or later, or its
 * renewal's invoice was seen, or its end after a period that went on and was not the trial's, extended too late; one
 * that went over into Stripe's `paused` and ended there had no paid month.
 */
function isForgivenTrial(known: readonly Entry[], { subscription, trial, end }: Window): boolean {
  const renewed = ofKind(known, 'invoice_created').some(
    (invoice) =>
      invoice.subscription === subscription.id && invoice.reason === 'renewal' && invoice.boundary === end,
  )
  const wentOn = subscription.observations.some(
    ({ endedAt, periodEndsAt, trialEndsAt }) =>
      endedAt !== null && endedAt > end && periodEndsAt > end && (trialEndsAt === null || trialEndsAt <= end),
  )
  const paying = subscription.observations.some(
    ({ at, status }) => at >= end && (status === 'active' || status === 'past_due' || status === 'unpaid'),
  )
  return trial && endOf(subscription) !== undefined && !paying && !renewed && !wentOn
}
