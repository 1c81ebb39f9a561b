import { later } from './months.ts'

/** A time, half-open: `from` belongs to it, `to` does not. UTC ISO 8601 with milliseconds. */
export type Span = { from: string; to: string }

/** The span in pieces: one ends and the next begins at each of the instants that lies within it. */
export function cutAt(span: Span, instants: readonly string[]): Span[] {
  const within = [...new Set(instants)].filter((instant) => span.from < instant && instant < span.to).sort()
  const bounds = [span.from, ...within, span.to]
  return bounds.slice(1).flatMap((to, index) => spanOf(bounds[index] ?? to, to))
}

/** None, where it would be empty. */
export function spanOf(from: string, to: string): Span[] {
  return from < to ? [{ from, to }] : []
}

export function holds({ from, to }: Span, instant: string): boolean {
  return from <= instant && instant < to
}

type Scale = 'record' | 'minute' | 'hour'

/**
 * The span in at most five pieces: the whole hours in it, the whole minutes before and after these, and what is left at
 * its two ends, which is less than two minutes.
 */
export function tilesOf(span: Span): (Span & { scale: Scale })[] {
  return tile(span, scales)
}

const scales: { scale: Scale; ms: number }[] = [
  { scale: 'record', ms: 1 },
  { scale: 'minute', ms: 60_000 },
  { scale: 'hour', ms: 3_600_000 },
]

function tile(span: Span, [finest, ...coarser]: typeof scales): (Span & { scale: Scale })[] {
  if (finest === undefined) return []
  const { scale } = finest
  const [next] = coarser
  if (next === undefined) return [{ ...span, scale }]
  const from = later(span.from, remainder(-Date.parse(span.from), next.ms))
  const to = later(span.to, -remainder(Date.parse(span.to), next.ms))
  if (from >= to) return [{ ...span, scale }]
  const ends = (end: Span[]) => end.map((one) => ({ ...one, scale }))
  return [...ends(spanOf(span.from, from)), ...tile({ from, to }, coarser), ...ends(spanOf(to, span.to))]
}

const remainder = (value: number, by: number) => ((value % by) + by) % by
