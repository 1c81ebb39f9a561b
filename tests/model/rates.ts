import { type Entry, type Instant, ofKind, type Rate, type RateCard } from './history.ts'

export type Cards = readonly { readonly card: RateCard; readonly holdsFrom: Instant }[]

/** Rate cards by the time from which each holds. Decided: of two that hold from one instant, the one recorded later. */
export function cardsOf(known: readonly Entry[]): Cards {
  let newest = Number.NEGATIVE_INFINITY
  return ofKind(known, 'rate_card')
    .filter(({ release }) => {
      const holds = release >= newest
      newest = Math.max(newest, release)
      return holds
    })
    .map((card) => ({ card, holdsFrom: Math.max(card.effectiveAt, card.at) }))
    .sort((a, b) => a.holdsFrom - b.holdsFrom)
}

/** The card in force. Decided: before the first card holds, the first card. */
export function cardAt(cards: Cards, at: Instant): RateCard {
  const { card } = cards.findLast(({ holdsFrom }) => holdsFrom <= at) ?? cards[0] ?? {}
  if (card === undefined) throw new Error('a history needs a rate card')
  return card
}

/**
 * The cents of quantities at their rates: one exact sum, rounded once, a half up.
 * Decided: where Stripe takes only whole tens or hundreds of a currency's smallest unit, to these.
 */
export function priced(
  parts: readonly { readonly quantity: bigint; readonly rate: Rate }[],
  currency: string,
): bigint {
  let numerator = 0n
  let denominator = 1n
  for (const { quantity, rate } of parts) {
    const per = BigInt(rate.per)
    if (denominator % per !== 0n) {
      numerator *= per
      denominator *= per
    }
    numerator += quantity * BigInt(rate.cents) * (denominator / per)
  }
  const step = steps[currency] ?? 1n
  return ((2n * numerator + denominator * step) / (2n * denominator * step)) * step
}

/** https://docs.stripe.com/currencies: three-decimal currencies in tens; ISK and UGX in hundreds. */
const steps: Readonly<Record<string, bigint>> = {
  bhd: 10n,
  jod: 10n,
  kwd: 10n,
  omr: 10n,
  tnd: 10n,
  isk: 100n,
  ugx: 100n,
}
