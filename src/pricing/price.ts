import type { Rate, Rates } from '../log/facts.ts'

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
