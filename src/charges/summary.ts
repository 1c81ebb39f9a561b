import type { Reader } from '../db/tables.ts'
import type { UsageType } from '../db/usage-types.ts'
import { cardAt, pricedCents } from '../pricing/price.ts'
import { countDue, countedWindow, cutsOf, pricedPartsOf } from './dues.ts'
import { forgivenOf, unclaimed } from './gaps.ts'
import type { Known, Line, Window } from './known.ts'
import { chargedCents, type Due, linesOf } from './lines.ts'
import type { Part } from './parts.ts'
import { partsOf, partsOutside } from './quantities.ts'
import type { Span } from './spans.ts'

/** What one type comes to. The amount is the sum of the three. */
export type Amounts = { quantity: bigint; billed: bigint; unbilled: bigint; forgiven: bigint }

/**
 * The usage of a period, half-open, of one type. A window of which all lies in the period counts by its lines, to the cent; of one that
 * the period cuts, each part by the line that had counted it.
 */
export async function amountsOf(
  reader: Reader,
  known: Known,
  period: Span,
  type: UsageType,
): Promise<Amounts> {
  let sum: Amounts = none
  for (const window of known.windows)
    if (window.counts_from < period.to && (window.ends_at > period.from || hasClaims(known, window)))
      sum = plus(sum, await ofWindow(reader, known, window, period, type))
  return plus(sum, await ofGaps(reader, known, period, type))
}

const none: Amounts = { quantity: 0n, billed: 0n, unbilled: 0n, forgiven: 0n }
const plus = (a: Amounts, b: Amounts): Amounts => ({
  quantity: a.quantity + b.quantity,
  billed: a.billed + b.billed,
  unbilled: a.unbilled + b.unbilled,
  forgiven: a.forgiven + b.forgiven,
})

const hasClaims = ({ decisions }: Known, { window_id }: Window) =>
  decisions.some((each) => each.decision === 'claimed' && each.window_id === window_id)

async function ofWindow(
  reader: Reader,
  known: Known,
  window: Window,
  period: Span,
  type: UsageType,
): Promise<Amounts> {
  const counted = countedWindow(known, window, type)
  const parts = await partsOf(reader, known.tenantId, type, counted, [
    ...cutsOf(known),
    period.from,
    period.to,
  ])
  const within = parts.filter(({ from }) => period.from <= from && from < period.to)
  const isWhole =
    parts.length === 0
      ? type !== 'platform_base' && period.from <= window.starts_at && window.ends_at <= period.to
      : within.length === parts.length
  const due = await countDue(reader, known, window, type)
  if (isWhole) return byLines(known, due, within)
  const ofDue = due.forgivenCents > 0n ? () => 'forgiven' as const : undefined
  const pieces =
    ofDue === undefined
      ? await withFates(reader, known, due, within)
      : within.map((part) => ({ ...part, fate: ofDue() }))
  const price = (some: readonly Part[]) =>
    some.length === 0 ? 0n : pricedCents(pricedPartsOf(known, window, type, some), window.currency)
  return byFates(pieces, price)
}

function byLines(known: Known, due: Due & { forgivenCents: bigint }, parts: readonly Part[]): Amounts {
  const own = linesOf(known.lines, due)
  const chargedAs = (fate: Fate) =>
    chargedCents(
      own.filter((line) => fateOf(known, line) === fate),
      due,
    )
  const billed = chargedAs('billed')
  const forgiven = chargedCents(own, due) - billed - chargedAs('unbilled')
  return {
    quantity: quantityOf(parts),
    billed,
    unbilled: due.cents - billed - forgiven,
    forgiven: forgiven + due.forgivenCents,
  }
}

type Fate = 'billed' | 'unbilled' | 'forgiven'
type Piece = Part & { fate: Fate }

function byFates(pieces: readonly Piece[], price: (some: readonly Piece[]) => bigint): Amounts {
  const of = (fate: Fate) => price(pieces.filter((piece) => piece.fate === fate))
  const billed = of('billed')
  const forgiven = of('forgiven')
  return { quantity: quantityOf(pieces), billed, unbilled: price(pieces) - billed - forgiven, forgiven }
}

/** What was recorded late, after the first line, is looked at record by record: there is little of it. */
async function withFates(reader: Reader, known: Known, due: Due, parts: readonly Part[]): Promise<Piece[]> {
  const standing = linesOf(known.lines, due).filter(({ charged_cents }) => charged_cents !== 0)
  const fateAt = (position: number): Fate => {
    const line = standing.find(({ upto_position }) => upto_position >= position)
    return line === undefined ? 'unbilled' : fateOf(known, line)
  }
  const pieces: Piece[] = []
  for (const part of parts) {
    if (part.position !== undefined) {
      pieces.push({ ...part, fate: fateAt(part.position) })
      continue
    }
    const late = await lateRecords(reader, known.tenantId, due.type, part)
    const rest = late.reduce((left, { quantity }) => left - BigInt(quantity), part.quantity)
    for (const { quantity, position } of late)
      pieces.push({ ...part, quantity: BigInt(quantity), fate: fateAt(position) })
    if (rest !== 0n || late.length === 0) pieces.push({ ...part, quantity: rest, fate: fateAt(0) })
  }
  return pieces
}

const lateRecords = (reader: Reader, tenantId: string, type: UsageType, { from, to }: Part) =>
  reader
    .selectFrom('billing_usage_records')
    .select(['quantity', 'position'])
    .where('tenant_id', '=', tenantId)
    .where('usage_type', '=', type)
    .where('is_late', '=', 1)
    .where('voided_at', 'is', null)
    .where('action', 'in', type === 'platform_base' ? ['set', 'increment'] : ['increment'])
    .where('occurred_at', '>=', from)
    .where('occurred_at', '<', to)
    .execute()

function fateOf({ invoices }: Known, { kind, invoice_id }: Line): Fate {
  if (kind === 'forgiven') return 'forgiven'
  const status = invoices.find((invoice) => invoice.invoice_id === invoice_id)?.status
  return status === 'paid' ? 'billed' : status === 'void' ? 'forgiven' : 'unbilled'
}

/** Of what was used in no window. */
export async function ofGaps(reader: Reader, known: Known, period: Span, type: UsageType): Promise<Amounts> {
  const stretches = unclaimed(known, period, type)
  if (stretches.length === 0) return none
  const cuts = cutsOf(known)
  const parts = await partsOutside(reader, known.tenantId, type, stretches, cuts)
  const forgiven = await partsOutside(reader, known.tenantId, type, forgivenOf(known, stretches, type), cuts)
  const { currency } = cardAt(known.cards, '')
  const price = (some: readonly Part[]) =>
    pricedCents(
      some
        .filter(({ costs }) => costs)
        .map(({ quantity, from }) => ({ quantity, rate: cardAt(known.cards, from).rates[type] })),
      currency,
    )
  return {
    quantity: quantityOf(parts),
    billed: 0n,
    unbilled: price(parts) - price(forgiven),
    forgiven: price(forgiven),
  }
}

const quantityOf = (parts: readonly Part[]) => parts.reduce((sum, { quantity }) => sum + quantity, 0n)
