import { flag, type Row, type Trx } from '../db/tables.ts'
import { keyInMetadata } from '../stripe/calls.ts'
import { nextReusableRow } from './deletable.ts'
import { onStripeObject, type Projection, type Sighting } from './projection.ts'
import { idOf, integerOf, memberOf, ppmOf, textOf, timeOf } from './read-value.ts'
import { saveRow } from './save-row.ts'

/** Coupons and promotion codes in one table. The code of a coupon is its id. */
export const discounts: Projection = {
  table: 'billing_discounts',
  primaryKey: 'discount_id',
  on: both(onStripeObject('coupon', showCoupon), onStripeObject('promotion_code', showPromotionCode)),
}

async function showCoupon(trx: Trx, sighting: Sighting<'coupon'>): Promise<void> {
  const { object } = sighting
  const couponId = textOf(object.id)
  if (couponId === null) return
  await show(trx, sighting, {
    discount_id: couponId,
    kind: 'coupon',
    tenant_id: null,
    code: couponId,
    coupon_id: couponId,
    name: textOf(object.name),
    percent_off_ppm: ppmOf(object.percent_off),
    amount_off_cents: integerOf(object.amount_off),
    currency: textOf(object.currency),
    duration: textOf(object.duration),
    duration_in_months: integerOf(object.duration_in_months),
    max_redemptions: integerOf(object.max_redemptions),
    times_redeemed: integerOf(object.times_redeemed) ?? 0,
    expires_at: timeOf(object.redeem_by),
    is_active: flag(object.valid),
    made_under: textOf(memberOf(object.metadata, keyInMetadata)),
  })
}

async function showPromotionCode(trx: Trx, sighting: Sighting<'promotion_code'>): Promise<void> {
  const { object } = sighting
  const promotionCodeId = textOf(object.id)
  if (promotionCodeId === null) return
  await show(trx, sighting, {
    discount_id: promotionCodeId,
    kind: 'promotion_code',
    tenant_id: null,
    code: textOf(object.code) ?? promotionCodeId,
    coupon_id: idOf(object.promotion?.coupon) ?? '',
    name: null,
    percent_off_ppm: null,
    amount_off_cents: null,
    currency: null,
    duration: null,
    duration_in_months: null,
    max_redemptions: integerOf(object.max_redemptions),
    times_redeemed: integerOf(object.times_redeemed) ?? 0,
    expires_at: timeOf(object.expires_at),
    is_active: flag(object.active),
    made_under: null,
  })
}

type Shown = Omit<
  Row<'billing_discounts'>,
  'as_of' | 'created_at' | 'updated_at' | 'last_position' | 'is_deleted'
>

async function show(trx: Trx, sighting: Sighting, shown: Shown): Promise<void> {
  const row = await trx
    .selectFrom('billing_discounts')
    .selectAll()
    .where('discount_id', '=', shown.discount_id)
    .executeTakeFirst()
  const next = nextReusableRow(sighting, row, shown, (same) => same.made_under === shown.made_under)
  if (next === undefined) return
  const is_active = next.is_deleted ? 0 : next.is_active
  await saveRow(trx, 'billing_discounts', 'discount_id', { ...next, is_active })
}

function both(a: Projection['on'], b: Projection['on']): Projection['on'] {
  return {
    'stripe.event_received': async (trx, fact) => {
      await a['stripe.event_received']?.(trx, fact)
      await b['stripe.event_received']?.(trx, fact)
    },
    'stripe.event_released': async (trx, fact) => {
      await a['stripe.event_released']?.(trx, fact)
      await b['stripe.event_released']?.(trx, fact)
    },
    'stripe.object_observed': async (trx, fact) => {
      await a['stripe.object_observed']?.(trx, fact)
      await b['stripe.object_observed']?.(trx, fact)
    },
  }
}
