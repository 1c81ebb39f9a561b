import { sum } from './cents.ts'
import { type Due, duesOf, partsOf, rateOf } from './dues.ts'
import { type Entry, type Instant, ofKind, type UsageType } from './history.ts'
import { type Home, homesOf, isBefore } from './homes.ts'
import type { Invoice } from './invoices.ts'
import { chargedCents, type Line, linesOf } from './lines.ts'
import type { Billing } from './making.ts'
import { cardAt, cardsOf, priced } from './rates.ts'
import { lineOf } from './records.ts'
import { type Piece, piecesOf } from './usage.ts'
import { type Window, windowsOf } from './windows.ts'

export interface Amounts {
  readonly quantity: bigint
  readonly billedCents: bigint
  readonly unbilledCents: bigint
  readonly forgivenCents: bigint
}

/** Half-open. */
export interface Period {
  readonly start: Instant
  readonly end: Instant
}

type Fate = 'billed' | 'forgiven' | 'unbilled'

/**
 * The usage of a period, per type; an amount is billed + unbilled + forgiven. Decided here:
 * - A window of which all pieces lie in the period (or, with no piece, which does itself) counts by its lines, to the
 *   cent; of one that the period cuts, each piece counts by the line of its record.
 * - On an open, a draft or an uncollectible invoice, held, unpriced: unbilled. A credit that is still to be carried
 *   makes unbilled negative.
 * - What lies in no window is rounded once per type and gap. A forgiveness of it holds for what was recorded before.
 */
export function summaryOf(
  billing: Billing,
  invoices: readonly Invoice[],
  period: Period,
  now: Instant,
): Record<UsageType, Amounts> {
  const { known } = billing
  const dues = duesOf(known, now)
  const homes = homesOf(known, windowsOf(known, now))
  const of = (type: UsageType) =>
    homes
      .map((home) => {
        const pieces = piecesOf(known, home, type)
        const within = pieces.filter(({ at }) => period.start <= at && at < period.end)
        const due = dues.find(({ window, type: other }) => isSame(window, home.window) && other === type)
        return due !== undefined && isWhole(due, within, period)
          ? byLines(due, within, billing.lines, invoices)
          : byPieces(known, home, type, within, (piece) => fateOf(piece, due, billing, invoices))
      })
      .reduce(plus, none)
  return {
    agent: of('agent'),
    user: of('user'),
    case: of('case'),
    event_ingestion: of('event_ingestion'),
    api_call: of('api_call'),
    platform_base: of('platform_base'),
  }
}

const none: Amounts = { quantity: 0n, billedCents: 0n, unbilledCents: 0n, forgivenCents: 0n }

export function plus(a: Amounts, b: Amounts): Amounts {
  return {
    quantity: a.quantity + b.quantity,
    billedCents: a.billedCents + b.billedCents,
    unbilledCents: a.unbilledCents + b.unbilledCents,
    forgivenCents: a.forgivenCents + b.forgivenCents,
  }
}

export function totalCents({ billedCents, unbilledCents, forgivenCents }: Amounts): bigint {
  return billedCents + unbilledCents + forgivenCents
}

/** The base is usage only where a record stands for it. Decided: a count that was `set` to 0 is no usage to be cut off. */
function isWhole({ window, type, pieces }: Due, within: readonly Piece[], { start, end }: Period): boolean {
  const isUsage = ({ quantity }: Piece) => type === 'platform_base' || quantity > 0n
  const usage = pieces.filter(isUsage)
  if (usage.length === 0) return type !== 'platform_base' && start <= window.start && window.end <= end
  return within.filter(isUsage).length === usage.length
}

function byLines(due: Due, pieces: readonly Piece[], lines: readonly Line[], invoices: readonly Invoice[]) {
  const own = linesOf(lines, due.window.subscription.id, due.window.start, due.type)
  const chargedAs = (fate: Fate) =>
    chargedCents(
      own.filter((line) => fateOfLine(line, invoices) === fate),
      due,
    )
  const billedCents = chargedAs('billed')
  const forgivenCents = chargedCents(own, due) - billedCents - chargedAs('unbilled')
  return {
    quantity: quantityOf(pieces),
    billedCents,
    unbilledCents: due.cents - billedCents - forgivenCents,
    forgivenCents: forgivenCents + due.forgivenCents,
  }
}

function byPieces(
  known: readonly Entry[],
  { window }: Home,
  type: UsageType,
  pieces: readonly Piece[],
  fate: (piece: Piece) => Fate,
): Amounts {
  const cards = cardsOf(known)
  const price = (some: readonly Piece[]) => {
    if (some.length === 0) return 0n
    const parts =
      window === null
        ? some
            .filter(({ costs }) => costs)
            .map(({ quantity, at }) => ({ quantity, ...rateOf(cards, null, type, at) }))
        : partsOf(cards, window, type, some)
    return priced(parts, window?.subscription.first.currency ?? cardAt(cards, 0).currency)
  }
  const of = (wanted: Fate) => price(pieces.filter((piece) => fate(piece) === wanted))
  const billedCents = of('billed')
  const forgivenCents = of('forgiven')
  return {
    quantity: quantityOf(pieces),
    billedCents,
    unbilledCents: price(pieces) - billedCents - forgivenCents,
    forgivenCents,
  }
}

function quantityOf(pieces: readonly Piece[]): bigint {
  return sum(pieces.map(({ quantity }) => quantity))
}

function fateOf(
  { record }: Piece,
  due: Due | undefined,
  { known, lines }: Billing,
  invoices: readonly Invoice[],
): Fate {
  if (due === undefined) {
    const forgiven = ofKind(known, 'usage_forgive').some(
      (entry) =>
        entry.window === null && (entry.type ?? record.type) === record.type && isBefore(record, entry),
    )
    return forgiven ? 'forgiven' : 'unbilled'
  }
  if (due.forgivenCents > 0n) return 'forgiven'
  const line = lineOf(lines, due.window, record)
  return line === undefined ? 'unbilled' : fateOfLine(line, invoices)
}

function fateOfLine({ invoice }: Line, invoices: readonly Invoice[]): Fate {
  if (invoice === null) return 'forgiven'
  const status = invoices.find((other) => other.invoice === invoice)?.status
  return status === 'paid' ? 'billed' : status === 'void' ? 'forgiven' : 'unbilled'
}

function isSame(a: Window, b: Window | null): boolean {
  return b !== null && a.subscription.id === b.subscription.id && a.start === b.start
}
