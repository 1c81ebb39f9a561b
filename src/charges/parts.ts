import { later } from './months.ts'
import {
  highestSetIn,
  incrementsAt,
  incrementsIn,
  lastSetIn,
  type SetRecord,
  type Stretch,
  setAt,
  setsIn,
  type Usage,
} from './recorded.ts'
import { cutAt, type Span, spanOf } from './spans.ts'

/**
 * A part of a quantity of one type, and the span in which it was used: one instant (`from` is `to`) for a `set`. A level
 * stands where it was first reached. What is free (`costs` is false) is still used.
 */
export type Part = Span & {
  quantity: bigint
  costs: boolean
  /** In the log, of the `set` that it is. */
  position?: number
}

/** A time that is paused as a whole, or not at all. */
export type Counted = Stretch & { costs: boolean }

/**
 * What the last `set` leaves, and it. Usage in paused time touches nothing outside: a `set` there replaces only what was
 * counted in paused time, one outside replaces both.
 */
export async function countParts(usage: Usage, counted: Counted[], cuts: readonly string[]): Promise<Part[]> {
  const stretches = counted.sort((a, b) => (a.from < b.from ? -1 : 1))
  const sets: { set: SetRecord | undefined; costs: boolean }[] = []
  for (const stretch of stretches) sets.push({ set: await lastSetIn(usage, stretch), costs: stretch.costs })
  const last = sets.findLast(({ set }) => set !== undefined)?.set
  const lastOutside = sets.findLast(({ set, costs }) => costs && set !== undefined)?.set
  const parts: Part[] = []
  for (const stretch of stretches) {
    const set = stretch.costs ? lastOutside : last
    if (set === undefined || set.occurred_at < stretch.from)
      parts.push(...(await incrementParts(usage, [stretch], cuts)))
    else if (set.occurred_at < stretch.to) parts.push(...(await partsSince(usage, set, stretch, cuts)))
  }
  return parts
}

/** A `set` of the stretch, and what was counted after it. */
async function partsSince(usage: Usage, set: SetRecord, stretch: Counted, cuts: readonly string[]) {
  const { costs } = stretch
  const { occurred_at, quantity } = set
  const instant = { from: occurred_at, to: occurred_at, costs }
  const next = later(occurred_at, 1)
  const rest = spanOf(next, stretch.to).map((span) => ({ ...stretch, ...span }))
  const parts = [
    { ...instant, quantity, position: set.position },
    { ...instant, to: next, quantity: await incrementsAt(usage, set, stretch) },
    ...(await incrementParts(usage, rest, cuts)),
  ]
  return parts.filter((part) => part.quantity > 0n)
}

export async function incrementParts(
  usage: Usage,
  stretches: Counted[],
  cuts: readonly string[],
): Promise<Part[]> {
  const parts: Part[] = []
  for (const { costs, ...stretch } of stretches)
    for (const span of cutAt(stretch, cuts)) {
      const quantity = await incrementsIn(usage, { ...stretch, ...span })
      if (quantity > 0n) parts.push({ ...span, quantity, costs })
    }
  return parts
}

/** The highest level of the time that is not paused, the one that was carried into it included. */
export async function levelPart(usage: Usage, stretches: Counted[], costs: boolean): Promise<Part[]> {
  let highest: Part | undefined
  for (const { from, to, costs: isOutside } of stretches) {
    if (!isOutside) continue
    const carried = await setAt(usage, from)
    const levels = [
      carried && { ...carried, occurred_at: from },
      await highestSetIn(usage, { from: later(from, 1), to }),
    ]
    for (const level of levels)
      if (level !== undefined && level.quantity > (highest?.quantity ?? 0n))
        highest = {
          ...{ from: level.occurred_at, to: level.occurred_at, costs },
          ...{ quantity: level.quantity, position: level.position },
        }
  }
  return highest === undefined ? [] : [highest]
}

/** Records of a fee count by their quantities, `set` or not. */
export async function feeParts(usage: Usage, stretches: Counted[], cuts: readonly string[]): Promise<Part[]> {
  const parts: Part[] = []
  for (const { costs, ...stretch } of stretches)
    for (const span of cutAt(stretch, cuts)) {
      const increments = await incrementsIn(usage, { ...stretch, ...span })
      const sets = await setsIn(usage, span)
      if (increments > 0n || sets.count > 0)
        parts.push({ ...span, quantity: increments + sets.quantity, costs })
    }
  return parts
}
