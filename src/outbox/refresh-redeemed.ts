import type { Turn } from '../effects/turn.ts'
import { refreshCounts } from '../inbox/catalogue/refresh-counts.ts'
import type { CallParams } from '../stripe/call.ts'
import { orderedIn } from './requests/create-subscription.ts'

/**
 * Asks for the coupon and the promotion code that a subscription was made with: redeeming has changed their counts, and
 * the subscription shows a discount no more whose one invoice is made.
 * @param params of the call that made the subscription
 */
export async function refreshRedeemed(turn: Turn, params: CallParams, cause: string): Promise<void> {
  for (const discountId of orderedIn(params).discountIds) {
    const redeemed = await turn.trx
      .selectFrom('billing_discounts')
      .select(['discount_id', 'kind', 'coupon_id'])
      .where('discount_id', '=', discountId)
      .executeTakeFirst()
    if (redeemed === undefined) continue
    const promotionCodeId = redeemed.kind === 'coupon' ? null : redeemed.discount_id
    await refreshCounts(turn, { couponId: redeemed.coupon_id, promotionCodeId }, cause)
  }
}
