import type { UsageType } from '../db/usage-types.ts'
import { isCount } from '../db/usage-types.ts'
import type { Known } from './known.ts'
import { earliest, latest } from './months.ts'
import type { Stretch } from './recorded.ts'
import { type Span, spanOf } from './spans.ts'

/** Times of a tenant that are in no window, nor old enough counts of a first one, up to `until`. */
export function gapsOf({ windows }: Known, until: string, type: UsageType): Span[] {
  const gaps: Span[] = []
  let from = sinceEver
  for (const { starts_at, counts_from, ends_at } of windows) {
    gaps.push(...spanOf(from, isCount(type) ? counts_from : starts_at))
    from = latest(from, ends_at)
  }
  return [...gaps, ...spanOf(from, until)].filter(({ to }) => to <= until)
}

const sinceEver = '1970-01-01T00:00:00.000Z'

/** What of the gaps no window has, within a period: what was claimed is its window's. */
export function unclaimed(known: Known, { from, to }: Span, type: UsageType): Stretch[] {
  const after = lastOf(known, 'claimed', type)
  return gapsOf(known, farFuture, type).flatMap((gap) =>
    spanOf(latest(gap.from, from), earliest(gap.to, to)).flatMap((span) => recordedAfter(known, span, after)),
  )
}

/** A span without what a decision at that position was about: usage of the time before it as far as it came later, and all since. */
export function recordedAfter({ decisions }: Known, { from, to }: Span, after: number): Stretch[] {
  const until = latest(
    from,
    ...decisions.filter(({ position }) => position === after).map(({ ends_at }) => ends_at),
  )
  const before = spanOf(from, earliest(to, until)).map((span) => ({ ...span, after, upto: null }))
  return [...before, ...spanOf(until, to).map((span) => ({ ...span, after: 0, upto: null }))]
}

const farFuture = '9999-12-31T00:00:00.000Z'

/** The position up to which usage outside windows was decided on in this way; 0: never. */
export const lastOf = ({ decisions }: Known, decision: 'claimed' | 'forgiven', type: UsageType): number =>
  decisions
    .filter((each) => each.decision === decision && each.usage_type === type)
    .reduce((last, { position }) => Math.max(last, position), 0)

/** The part of stretches that was forgiven. */
export function forgivenOf(known: Known, stretches: readonly Stretch[], type: UsageType): Stretch[] {
  return known.decisions
    .filter((each) => each.decision === 'forgiven' && each.usage_type === type)
    .flatMap(({ starts_at, ends_at, after_position, position }) =>
      stretches.flatMap(({ from, to, after }) =>
        spanOf(latest(from, starts_at), earliest(to, ends_at))
          .flatMap((span) => recordedAfter(known, span, after_position))
          .map((span) => ({ ...span, after: Math.max(after, span.after), upto: position })),
      ),
    )
    .filter(({ after, upto }) => after < upto)
}
