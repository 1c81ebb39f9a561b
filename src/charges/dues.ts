import type { Reader } from '../db/tables.ts'
import { isLevel, type UsageType, usageTypes } from '../db/usage-types.ts'
import { cardAt, pricedCents } from '../pricing/price.ts'
import { recordedAfter } from './gaps.ts'
import type { Known, Window } from './known.ts'
import { type Due, largestCents } from './lines.ts'
import { isoOf } from './months.ts'
import type { Part } from './parts.ts'
import { type CountedWindow, partsOf } from './quantities.ts'
import { isOver, subscriptionOf } from './subscription.ts'

/** As `Due`, with its parts, and what a trial that led to no paid month would have owed. */
export type Counted = Due & { parts: readonly Part[]; forgivenCents: bigint }

/** What each window of `windows` owes for each type, counted now. */
export async function countDues(
  reader: Reader,
  known: Known,
  windows: readonly Window[],
): Promise<Counted[]> {
  const dues: Counted[] = []
  for (const window of windows)
    for (const type of usageTypes) dues.push(await countDue(reader, known, window, type))
  return dues
}

export async function countDue(
  reader: Reader,
  known: Known,
  window: Window,
  type: UsageType,
): Promise<Counted> {
  const parts = await partsOf(reader, known.tenantId, type, countedWindow(known, window, type), cutsOf(known))
  return { ...dueOf(known, window, type, parts), parts }
}

/** Prices a window's parts: base by the card at its start, levels at its end, counts by that of their time. */
function dueOf(known: Known, window: Window, type: UsageType, parts: readonly Part[]) {
  const priced = pricedPartsOf(known, window, type, parts)
  const cents = pricedCents(priced, window.currency)
  const isForgiven = isForgivenTrial(known, window)
  const isUnpriced = cents > 0n && priced.some(({ currency }) => currency !== window.currency)
  const isHeld = !isForgiven && cents > largestCents && !isReleased(known, window, type)
  const state = isUnpriced ? ('unpriced' as const) : isHeld ? ('held' as const) : ('priced' as const)
  return {
    window,
    type,
    quantity: priced.reduce((sum, { quantity }) => sum + quantity, 0n),
    cents: isForgiven ? 0n : cents,
    state,
    forgivenCents: isForgiven ? cents : 0n,
  }
}

/** What of the parts costs something, each at its rate; of the base without a record, the automatic one. */
export function pricedPartsOf(known: Known, window: Window, type: UsageType, parts: readonly Part[]) {
  const units = parts.filter(({ costs }) => costs).map(({ quantity, from }) => ({ quantity, from }))
  if (type === 'platform_base' && parts.length === 0 && hasBase(known, window))
    units.push({ quantity: 1n, from: window.starts_at })
  return units.map(({ quantity, from }) => {
    const { rates, currency } = cardAt(known.cards, cardTimeOf(window, type, from))
    return { quantity, rate: rates[type], currency }
  })
}

function cardTimeOf(window: Window, type: UsageType, from: string): string {
  if (isLevel(type)) return isoOf(Date.parse(window.ends_at) - 1)
  return type === 'platform_base' ? window.starts_at : from
}

/**
 * The automatic base of a window that had begun when it was learned that the subscription had ended before it is not due. That of the
 * first was charged with the subscription, and is not given back where it ends in the second in which it began.
 */
function hasBase(known: Known, window: Window): boolean {
  const { ended_at, started_at } = subscriptionOf(known, window)
  const isCutOff = ended_at !== null && ended_at <= window.starts_at && started_at !== window.starts_at
  return window.has_base === 1 && !isCutOff
}

const isForgivenTrial = (known: Known, window: Window) =>
  window.is_trial === 1 && window.is_converted === 0 && isOver(subscriptionOf(known, window))

const isReleased = ({ decisions }: Known, { window_id }: Window, type: UsageType) =>
  decisions.some(
    (each) => each.decision === 'released' && each.window_id === window_id && each.usage_type === type,
  )

export function countedWindow(known: Known, window: Window, type: UsageType): CountedWindow {
  return {
    startsAt: window.starts_at,
    endsAt: window.ends_at,
    isTrial: window.is_trial === 1,
    countsFrom: window.counts_from,
    claimed: known.decisions
      .filter(
        (each) =>
          each.decision === 'claimed' && each.window_id === window.window_id && each.usage_type === type,
      )
      .flatMap(({ starts_at, ends_at, after_position, position }) =>
        recordedAfter(known, { from: starts_at, to: ends_at }, after_position).map((stretch) => ({
          ...stretch,
          upto: position,
        })),
      ),
    pauses: known.pauses
      .filter(({ subscription_id }) => subscription_id === window.subscription_id)
      .map(({ paused_at, resumed_at }) => ({ from: paused_at, to: resumed_at ?? endless })),
  }
}

const endless = '9999-12-31T23:59:59.999Z'

export const cutsOf = ({ cards }: Known) => cards.map(({ holdsFrom }) => holdsFrom)

/**
 * What every window owes: counted now where anything may have changed it since it was counted last, and else as it was counted then.
 */
export async function duesOf(reader: Reader, known: Known): Promise<Due[]> {
  const dues: Due[] = []
  for (const window of known.windows)
    dues.push(
      ...(window.is_final === 1 ? storedDues(known, window) : await countDues(reader, known, [window])),
    )
  return dues
}

export function storedDues(known: Known, window: Window): Due[] {
  const stored = known.dues.filter(({ window_id }) => window_id === window.window_id)
  return usageTypes.map((type) => {
    const due = stored.find(({ usage_type }) => usage_type === type)
    if (due === undefined) return { window, type, quantity: 0n, cents: 0n, state: 'priced' }
    const { quantity, due_cents, state } = due
    return { window, type, quantity: BigInt(quantity), cents: BigInt(due_cents), state }
  })
}
