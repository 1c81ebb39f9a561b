import { AppError } from '../errors.ts'
import type { RateCard } from './price.ts'

/** Amounts of two currencies are never added. @throws AppError currency_mismatch for a price in another than the rate card's */
export function assertCurrency(card: Pick<RateCard, 'currency'>, currency: string): void {
  if (card.currency === currency) return
  throw new AppError(
    'currency_mismatch',
    `The price is in ${currency}, and usage is charged in ${card.currency}: choose a price in ${card.currency}`,
    { details: { currency, rate_card_currency: card.currency } },
  )
}
