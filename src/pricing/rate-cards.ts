import type { Reader } from '../db/tables.ts'
import { rates as ratesSchema } from '../log/facts.ts'
import type { RateCard } from './price.ts'

/** Every card, in the order in which they were set. */
export async function readRateCards(reader: Reader): Promise<RateCard[]> {
  const rows = await reader.selectFrom('billing_rate_cards').selectAll().orderBy('last_position').execute()
  return rows.map(({ rate_card_id, rates, currency, effective_at, recorded_at, last_position }) => ({
    rate_card_id,
    rates: ratesSchema.parse(JSON.parse(rates)),
    currency,
    holdsFrom: later(effective_at, recorded_at),
    position: last_position,
  }))
}

const later = (a: string, b: string) => (a < b ? b : a)
