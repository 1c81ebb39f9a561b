import { canonicalJson } from '../log/canonical-json.ts'
import type { Projection } from './projection.ts'
import { saveRow } from './save-row.ts'

export const rateCards: Projection = {
  table: 'billing_rate_cards',
  primaryKey: 'rate_card_id',
  on: {
    'rates.card_set': (trx, { data, position, recorded_at }) =>
      saveRow(
        trx,
        'billing_rate_cards',
        'rate_card_id',
        {
          rate_card_id: data.rate_card_id,
          tenant_id: null,
          currency: data.currency,
          rates: canonicalJson(data.rates),
          effective_at: data.effective_at,
          recorded_at,
          release: data.release,
          last_position: position,
        },
        'kept',
      ),
  },
}
