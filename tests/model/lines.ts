import { least, sum } from './cents.ts'
import { type Due, largestCents } from './dues.ts'
import type { Instant, UsageType } from './history.ts'

/**
 * What was asked for at one moment, for one window and type: due less charged. Never zero cents. `cents` is the line
 * as it was made; `itemCents` what of it lies on the invoice at Stripe; `chargedCents` what of it counts as charged
 * (0 once refused, taken off or rebilled).
 */
export interface Line {
  readonly subscription: string
  readonly window: Instant
  readonly type: UsageType
  /** Null: forgiven by an operator, on no invoice, and counted as charged. */
  readonly invoice: string | null
  /** A credit after the subscription's end, on an invoice that had charged the same window and type. */
  readonly creditNote: boolean
  readonly quantity: bigint
  readonly cents: bigint
  itemCents: bigint
  chargedCents: bigint
  readonly madeAt: Instant
  readonly uptoPosition: number
}

/**
 * What counts as charged. Decided: what an operator forgave counts up to what is due and no further, so that a record
 * voided afterwards is no credit for what nobody was asked to pay.
 */
export function chargedCents(lines: readonly Line[], { window, type, cents }: Due): bigint {
  const own = linesOf(lines, window.subscription.id, window.start, type)
  const asked = charged(own.filter(({ invoice }) => invoice !== null))
  const rest = cents > asked ? cents - asked : 0n
  const forgiven = charged(own.filter(({ invoice }) => invoice === null))
  return asked + least(forgiven, rest)
}

export function linesOf(
  lines: readonly Line[],
  subscription: string,
  window: Instant,
  type: UsageType,
): Line[] {
  return lines.filter(
    (line) => line.subscription === subscription && line.window === window && line.type === type,
  )
}

function charged(lines: readonly Line[]): bigint {
  return sum(lines.map(({ chargedCents }) => chargedCents))
}

export interface Difference {
  readonly due: Due
  readonly cents: bigint
}

/**
 * Due less charged, where it can become a line. Decided: a released amount above Stripe's largest goes in lines of at
 * most that; the rest follows on the next.
 */
export function differencesOf(dues: readonly Due[], lines: readonly Line[]): Difference[] {
  return dues
    .filter(({ held, unpriced }) => !held && !unpriced)
    .map((due) => ({ due, cents: due.cents - chargedCents(lines, due) }))
    .map(({ due, cents }) => ({ due, cents: least(cents, largestCents) }))
    .filter(({ cents }) => cents !== 0n)
}

/**
 * What of the differences fits on an invoice beside the lines that are `onIt` and `others`, the cents that are not ours:
 * what is due, as long as the whole is at most Stripe's largest, and then credits as far as the sum of ours stays at zero
 * or above. Decided: the oldest window's first, then the types in their order; the last one in part.
 */
export function fitting(
  differences: readonly Difference[],
  onIt: readonly Line[],
  others: bigint,
): Difference[] {
  let most = largestCents - others - lying(onIt)
  const asked = differences.map(({ due, cents }) => {
    const fits = cents < 0n || cents <= most ? cents : most < 0n ? 0n : most
    if (fits > 0n) most -= fits
    return { due, cents: fits }
  })
  let room = lying(onIt) + sum(asked.map(({ cents }) => cents).filter((cents) => cents > 0n))
  return asked
    .map(({ due, cents }) => {
      if (cents > 0n) return { due, cents }
      const fits = -least(-cents, room)
      room += fits
      return { due, cents: fits }
    })
    .filter(({ cents }) => cents !== 0n)
}

function lying(lines: readonly Line[]): bigint {
  return sum(lines.map(({ itemCents }) => itemCents))
}

/**
 * A credit after the end, as notes on the invoices that charged its window and type. Decided: the latest line first,
 * each to what is left of it; an invoice that is void or no invoice at all takes none, and what then remains of the
 * credit is carried for ever.
 */
export function notesFor(
  { due, cents }: Difference,
  lines: readonly Line[],
  takesNotes: (invoice: string) => boolean,
): { invoice: string; cents: bigint }[] {
  const { window, type } = due
  const own = linesOf(lines, window.subscription.id, window.start, type)
  const invoices = [...new Set(own.map(({ invoice }) => invoice).reverse())]
  let left = -cents
  return invoices.flatMap((invoice) => {
    if (invoice === null || !takesNotes(invoice)) return []
    const onIt = charged(own.filter((line) => line.invoice === invoice))
    const note = least(onIt, left)
    if (note <= 0n) return []
    left -= note
    return [{ invoice, cents: -note }]
  })
}
