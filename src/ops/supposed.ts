import type { Known } from '../charges/known.ts'
import { openWindow } from '../charges/subscription.ts'
import type { Rates } from '../log/facts.ts'
import { cardAt, type RateCard } from '../pricing/price.ts'

/** Other rates; a usage type that is left out keeps its own. And by Stripe's price id, the cents of plans. */
export type Prices = { rates: Partial<Rates>; plans: Readonly<Record<string, number>> }

/**
 * What is known of a tenant, had the prices changed now: what the open month uses is priced anew, and so are the bases and plans to come. Closed
 * months keep their prices, and the open one its base, which was due at its start.
 */
export function withPrices(known: Known, { rates, plans }: Prices): Known {
  const { platform_base: _base, ...usageRates } = rates
  const open = openWindow(known)
  return {
    ...known,
    subscriptions: known.subscriptions.map((subscription) => {
      const cents = plans[subscription.price_id ?? '']
      return cents === undefined
        ? subscription
        : { ...subscription, amount_cents: cents * subscription.quantity }
    }),
    cards:
      open === undefined
        ? known.cards
        : ratesFrom(open.ends_at, ratesFrom(open.counts_from, known.cards, usageRates), rates),
  }
}

/** The cards, with other rates in them from a time on. */
function ratesFrom(time: string, cards: readonly RateCard[], rates: Partial<Rates>): RateCard[] {
  const changed = (card: RateCard) => ({ ...card, rates: { ...card.rates, ...rates } })
  return [
    // Before the first one holds it holds all the same.
    { ...cardAt(cards, ''), holdsFrom: '' },
    ...cards.filter(({ holdsFrom }) => holdsFrom < time),
    changed({ ...cardAt(cards, time), holdsFrom: time }),
    ...cards.filter(({ holdsFrom }) => holdsFrom > time).map(changed),
  ]
}
