import type { Turn } from '../../effects/turn.ts'
import { idOf, memberOf } from '../../projections/read-value.ts'
import type { StripeEvent } from '../../stripe/object-types.ts'
import { enqueueRefresh } from '../enqueue-refresh.ts'

/** A coupon was redeemed, by its code or without: the counts of both are asked for. One that is known to be deleted has none. */
export async function refreshCounts(
  turn: Turn,
  { couponId, promotionCodeId }: { couponId: string | null; promotionCodeId: string | null },
  cause: string,
): Promise<void> {
  const of = { tenantId: null }
  if (couponId !== null && !(await isDeleted(turn, couponId)))
    await enqueueRefresh(turn, { ...of, objectType: 'coupon', objectId: couponId }, cause)
  if (promotionCodeId !== null)
    await enqueueRefresh(turn, { ...of, objectType: 'promotion_code', objectId: promotionCodeId }, cause)
}

/**
 * An event tells of a discount of whatever customer: a coupon was redeemed, perhaps elsewhere, of which no event of the coupon's
 * own may tell. Of the discount itself nothing is kept, and Stripe fetches none by its id.
 */
export async function hearOfRedemption(turn: Turn, { id, type, data }: StripeEvent): Promise<void> {
  if (!type.startsWith('customer.discount.')) return
  const { object } = data
  // Before 2025-09-30 a discount had its coupon in it.
  const coupon = memberOf(memberOf(object, 'source'), 'coupon') ?? memberOf(object, 'coupon')
  const promotionCodeId = idOf(memberOf(object, 'promotion_code'))
  await refreshCounts(turn, { couponId: idOf(coupon), promotionCodeId }, id)
}

async function isDeleted({ trx }: Turn, couponId: string): Promise<boolean> {
  const row = await trx
    .selectFrom('billing_discounts')
    .select('is_deleted')
    .where('discount_id', '=', couponId)
    .executeTakeFirst()
  return row?.is_deleted === 1
}
