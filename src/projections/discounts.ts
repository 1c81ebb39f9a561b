import { flag, type Row, type Trx } from '../db/tables.ts'
import type { Sighting } from '../log/sighting.ts'
import { keyInMetadata } from '../stripe/call.ts'
import type { StripeObjects } from '../stripe/object-types.ts'
import { nextReusableRow } from './deletable.ts'
import { onStripeObject, type Projection } from './projection.ts'
import { idOf, integerOf, memberOf, ppmOf, textOf, timeOf } from './read-value.ts'
import { saveRow } from './save-row.ts'

/** Coupons and promotion codes in one table. The code of a coupon is its id. */
export const discounts: Projection = {
  table: 'billing_discounts',
  primaryKey: 'discount_id',
  on: onStripeObject(['coupon', 'promotion_code'], show),
}

type Content = Omit<
  Row<'billing_discounts'>,
  'as_of' | 'created_at' | 'updated_at' | 'last_position' | 'is_deleted'
>

async function show(trx: Trx, sighting: Sighting<'coupon' | 'promotion_code'>): Promise<void> {
  const id = textOf(sighting.object.id)
  if (id === null) return
  const content =
    sighting.objectType === 'coupon'
      ? couponColumns(id, sighting.object)
      : promotionCodeColumns(id, sighting.object)
  const row = await trx
    .selectFrom('billing_discounts')
    .selectAll()
    .where('discount_id', '=', content.discount_id)
    .executeTakeFirst()
  const next = nextReusableRow(sighting, row, content, (same) => same.made_under === content.made_under)
  if (next === undefined) return
  const is_active = next.is_deleted ? 0 : next.is_active
  await saveRow(trx, 'billing_discounts', 'discount_id', { ...next, is_active })
}

const couponColumns = (couponId: string, coupon: StripeObjects['coupon']): Content => ({
  discount_id: couponId,
  kind: 'coupon',
  tenant_id: null,
  code: couponId,
  coupon_id: couponId,
  name: textOf(coupon.name),
  percent_off_ppm: ppmOf(coupon.percent_off),
  amount_off_cents: integerOf(coupon.amount_off),
  currency: textOf(coupon.currency),
  duration: textOf(coupon.duration),
  duration_in_months: integerOf(coupon.duration_in_months),
  max_redemptions: integerOf(coupon.max_redemptions),
  times_redeemed: integerOf(coupon.times_redeemed) ?? 0,
  expires_at: timeOf(coupon.redeem_by),
  is_active: flag(coupon.valid),
  first_time_transaction: 0,
  made_under: textOf(memberOf(coupon.metadata, keyInMetadata)),
})

const promotionCodeColumns = (id: string, promotionCode: StripeObjects['promotion_code']): Content => ({
  discount_id: id,
  kind: 'promotion_code',
  tenant_id: null,
  code: textOf(promotionCode.code) ?? id,
  coupon_id: idOf(promotionCode.promotion?.coupon) ?? '',
  name: null,
  percent_off_ppm: null,
  amount_off_cents: null,
  currency: null,
  duration: null,
  duration_in_months: null,
  max_redemptions: integerOf(promotionCode.max_redemptions),
  times_redeemed: integerOf(promotionCode.times_redeemed) ?? 0,
  expires_at: timeOf(promotionCode.expires_at),
  is_active: flag(promotionCode.active),
  first_time_transaction: flag(promotionCode.restrictions?.first_time_transaction === true),
  made_under: null,
})
