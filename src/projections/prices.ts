import { flag, type Trx } from '../db/tables.ts'
import type { Sighting } from '../log/sighting.ts'
import type { StripeObjects } from '../stripe/object-types.ts'
import { nextRow } from './deletable.ts'
import { onStripeObject, type Projection } from './projection.ts'
import { idOf, integerOf, textOf } from './read-value.ts'
import { saveRow } from './save-row.ts'

export const prices: Projection = {
  table: 'billing_prices',
  primaryKey: 'price_id',
  on: onStripeObject(['price'], show),
}

async function show(trx: Trx, sighting: Sighting<'price'>): Promise<void> {
  const { object } = sighting
  const priceId = textOf(object.id)
  if (priceId === null) return
  const row = await trx
    .selectFrom('billing_prices')
    .selectAll()
    .where('price_id', '=', priceId)
    .executeTakeFirst()
  const next = nextRow(sighting, row, {
    price_id: priceId,
    tenant_id: null,
    product_id: idOf(object.product) ?? '',
    amount_cents: fixedAmountCents(object),
    currency: textOf(object.currency) ?? '',
    billing_interval: textOf(object.recurring?.interval),
    interval_count: integerOf(object.recurring?.interval_count),
    is_active: flag(object.active),
  })
  if (next === undefined) return
  const is_active = next.is_deleted ? 0 : next.is_active
  await saveRow(trx, 'billing_prices', 'price_id', { ...next, is_active })
}

/**
 * What one of it costs, each period, in the currency's minor unit. Null where there is no such amount: tiers, a meter,
 * an amount of the customer's choice, quantities that are divided first, fractions of a cent.
 */
export function fixedAmountCents(price: StripeObjects['price']): number | null {
  const isFixed =
    price.billing_scheme !== 'tiered' &&
    price.recurring?.usage_type !== 'metered' &&
    !price.custom_unit_amount &&
    !price.transform_quantity
  return isFixed ? integerOf(price.unit_amount) : null
}
