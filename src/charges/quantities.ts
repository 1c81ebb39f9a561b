import type { Reader, Trx } from '../db/tables.ts'
import type { UsageType } from '../log/facts.ts'
import { type Counted, countParts, feeParts, incrementParts, levelPart, type Part } from './parts.ts'
import type { Stretch } from './recorded.ts'
import { cutAt, holds, type Span, spanOf } from './spans.ts'

/** As much of a window as its quantities depend on. */
export type CountedWindow = {
  startsAt: string
  endsAt: string
  isTrial: boolean
  /** Counts in [countsFrom, startsAt) are the window's too; no other window lies in there. */
  countsFrom: string
  /** Of counts: what an operator has claimed for it of times without a window. No two overlap. */
  claimed: readonly Stretch[]
  /** When its subscription was paused; of a pause that goes on, `to` is no sooner than `endsAt`. */
  pauses: readonly Span[]
}

/**
 * The usage of a window in parts of which none reaches across a cut, in the order of time but for a level, which comes
 * first. They add up to the window's quantity; a part of nothing is left out, but for a fee that was `set` to 0. What is
 * read does not grow with the number of increments.
 * @param cuts instants, in any order: where a rate card begins to hold, a period's bounds
 */
export async function partsOf(
  reader: Reader | Trx,
  tenantId: string,
  usageType: UsageType,
  window: CountedWindow,
  cuts: readonly string[],
): Promise<Part[]> {
  const usage = { reader, tenantId, usageType }
  const { startsAt, endsAt, isTrial, countsFrom, claimed, pauses } = window
  const own = entire(spanOf(startsAt, endsAt))
  const inPauses = (stretches: readonly Stretch[]) => stretches.flatMap((one) => pausedOrNot(one, pauses))
  switch (usageType) {
    case 'agent':
    case 'user': {
      const level = await levelPart(usage, inPauses(own), !isTrial)
      return [...level, ...(await incrementParts(usage, inPauses(own), cuts))]
    }
    case 'platform_base':
      return feeParts(usage, inPauses(own), cuts)
    default:
      return countParts(usage, inPauses([...entire(spanOf(countsFrom, startsAt)), ...claimed, ...own]), cuts)
  }
}

/**
 * The usage of a time without a window, as `partsOf`: a level has no quantity there but its increments.
 * @param gap of counts without what is some window's. No two overlap
 */
export async function partsOutside(
  reader: Reader | Trx,
  tenantId: string,
  usageType: UsageType,
  gap: readonly Stretch[],
  cuts: readonly string[],
): Promise<Part[]> {
  const usage = { reader, tenantId, usageType }
  const stretches = gap.map((stretch) => ({ ...stretch, costs: true }))
  switch (usageType) {
    case 'agent':
    case 'user':
      return incrementParts(usage, stretches, cuts)
    case 'platform_base':
      return feeParts(usage, stretches, cuts)
    default:
      return countParts(usage, stretches, cuts)
  }
}

const entire = (spans: Span[]): Stretch[] => spans.map((span) => ({ ...span, after: 0, upto: null }))

function pausedOrNot(stretch: Stretch, pauses: readonly Span[]): Counted[] {
  const bounds = pauses.flatMap(({ from, to }) => [from, to])
  return cutAt(stretch, bounds).map((span) => {
    const isPaused = pauses.some((pause) => holds(pause, span.from))
    return { ...stretch, ...span, costs: !isPaused }
  })
}
