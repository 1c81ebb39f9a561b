import { z } from 'zod'
import { cents } from '../db/fields.ts'
import { AppError } from '../errors.ts'
import type { Rate, Rates, UsageType } from '../log/facts.ts'

/** A usage record as far as its price goes. `position`: the order among records of one instant. */
export type Metered = {
  usage_type: UsageType
  action: 'increment' | 'set'
  quantity: number
  /** UTC ISO 8601 with milliseconds. */
  occurred_at: string
  position: number
}

/** `holdsFrom`: the later of the time that it was set for and of its recording. Nothing that is past changes its price. */
export type RateCard = {
  rate_card_id: string
  rates: Rates
  currency: string
  holdsFrom: string
  position: number
}

/**
 * The cents of quantities at their rates: the exact sum, rounded half up once, to the whole tens or hundreds that Stripe
 * takes of some currencies.
 */
export function pricedCents(parts: readonly { quantity: bigint; rate: Rate }[], currency: string): bigint {
  let numerator = 0n
  let denominator = 1n
  for (const { quantity, rate } of parts) {
    const per = BigInt(rate.per_units)
    numerator = numerator * per + quantity * BigInt(rate.rate_cents) * denominator
    denominator *= per
  }
  const step = steps.get(currency) ?? 1n
  return ((2n * numerator + denominator * step) / (2n * denominator * step)) * step
}

/** https://docs.stripe.com/currencies: amounts of three decimals end in 0, those of ISK and UGX in 00. */
const steps: ReadonlyMap<string, bigint> = new Map([
  ['bhd', 10n],
  ['jod', 10n],
  ['kwd', 10n],
  ['omr', 10n],
  ['tnd', 10n],
  ['isk', 100n],
  ['ugx', 100n],
])

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

/** The card in force: the last to hold, of two that hold from one instant the one set later; before any holds, the first. */
export function cardAt(cards: readonly RateCard[], time: string): RateCard {
  let inForce: RateCard | undefined
  let first: RateCard | undefined
  for (const card of cards) {
    if (first === undefined || holdsBefore(card, first)) first = card
    if (card.holdsFrom <= time && (inForce === undefined || holdsBefore(inForce, card))) inForce = card
  }
  const card = inForce ?? first
  if (card === undefined) throw new Error('The log has no rate card: `ensureRateCard` runs at every start')
  return card
}

const holdsBefore = (a: RateCard, b: RateCard) =>
  a.holdsFrom < b.holdsFrom || (a.holdsFrom === b.holdsFrom && a.position < b.position)

const isBefore = (a: Metered, b: Metered) =>
  a.occurred_at < b.occurred_at || (a.occurred_at === b.occurred_at && a.position < b.position)
