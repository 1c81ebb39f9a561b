import { z } from 'zod'
import { cents } from '../db/fields.ts'
import { AppError } from '../errors.ts'
import type { Rates, UsageType } from '../log/facts.ts'

/** A usage record as far as its price goes. `position`: the order among records of one instant. */
export type Metered = {
  usage_type: UsageType
  action: 'increment' | 'set'
  quantity: number
  /** UTC ISO 8601 with milliseconds. */
  occurred_at: string
  position: number
}

export type RateCard = { rates: Rates; currency: string; effective_at: string; position: number }

/** `quantity` is in units. Both are exact. */
export const PricedLine = z.object({ quantity: z.int(), amount_cents: cents })
export type PricedLine = z.infer<typeof PricedLine>

/**
 * One line of one invoice: records of one type that are billed together, in any order. Each is priced by the card
 * that was in force when it occurred; the exact sum is rounded half up, once. A `set` replaces what came before it.
 * @throws AppError conflict from 2^53 up
 */
export function priceLine(records: readonly Metered[], cards: readonly RateCard[]): PricedLine {
  const { quantity, amountCents } = priceOf(records, cards)
  return { quantity: exactly(quantity), amount_cents: exactly(amountCents) }
}

/** As `priceLine`, however large. */
export function priceOf(
  records: readonly Metered[],
  cards: readonly RateCard[],
): { quantity: bigint; amountCents: bigint } {
  const [first] = records
  if (first === undefined) return { quantity: 0n, amountCents: 0n }
  let lastSet: Metered | undefined
  for (const record of records)
    if (record.action === 'set' && (lastSet === undefined || isBefore(lastSet, record))) lastSet = record
  const unitsByCard = new Map<RateCard, bigint>()
  for (const record of records) {
    if (lastSet !== undefined && isBefore(record, lastSet)) continue
    const card = cardAt(cards, record.occurred_at)
    unitsByCard.set(card, (unitsByCard.get(card) ?? 0n) + BigInt(record.quantity))
  }
  let units = 0n
  let numerator = 0n
  let denominator = 1n
  for (const [card, cardUnits] of unitsByCard) {
    const { rate_cents, per_units } = card.rates[first.usage_type]
    units += cardUnits
    numerator = numerator * BigInt(per_units) + cardUnits * BigInt(rate_cents) * denominator
    denominator *= BigInt(per_units)
  }
  return { quantity: units, amountCents: (2n * numerator + denominator) / (2n * denominator) }
}

/** The sum of numbers that are exact themselves. @throws AppError conflict from 2^53 up */
export const exactSum = (numbers: readonly number[]) =>
  exactly(numbers.reduce((total, number) => total + BigInt(number), 0n))

/** JSON's numbers lose their last digits from 2^53 up: a sum that nobody can mean is refused, and not told wrongly. */
function exactly(value: bigint): number {
  if (value <= Number.MAX_SAFE_INTEGER) return Number(value)
  throw new AppError(
    'conflict',
    'The usage of this tenant adds up to more than can be stated exactly: void the records that are wrong',
  )
}

/** The card in force: the last one set of those in effect, and before any was, the first. */
export function cardAt(cards: readonly RateCard[], time: string): RateCard {
  let inForce: RateCard | undefined
  let first: RateCard | undefined
  for (const card of cards) {
    if (first === undefined || card.position < first.position) first = card
    if (card.effective_at <= time && (inForce === undefined || card.position > inForce.position))
      inForce = card
  }
  const card = inForce ?? first
  if (card === undefined) throw new Error('The log has no rate card: `ensureRateCard` runs at every start')
  return card
}

const isBefore = (a: Metered, b: Metered) =>
  a.occurred_at < b.occurred_at || (a.occurred_at === b.occurred_at && a.position < b.position)
