import { type AppContext, requireStripe } from '../context.ts'
import { NotFound } from '../errors.ts'
import { refreshDiscount } from '../inbox/catalogue/look-up-discount.ts'
import type { By } from '../log/by.ts'
import { ask, type Decision } from '../outbox/ask.ts'
import {
  type Discount,
  type DiscountRow,
  type FoundDiscount,
  findDiscount,
  rowsOfCode,
  shownDiscount,
} from './discounts.ts'

/**
 * Ends a discount: its promotion code first, so that nobody redeems it any more, then the coupon, if that is this
 * code's own. Who has redeemed it keeps it. Two calls: what a crash leaves of them is finished by the same request,
 * and a discount that is deleted already is answered as it was.
 * @throws NotFound
 */
export async function deleteDiscount(
  context: AppContext,
  by: By,
  code: string,
  clientKey: string | undefined,
): Promise<Discount> {
  requireStripe(context)
  const found = await discountToEnd(context, code, by)
  const { coupon, promotionCode } = found
  const end = (row: DiscountRow, decide: (row: DiscountRow) => Decision) =>
    ask(
      context,
      {
        ...{ tenantId: null, operation: 'delete_discount', by, clientKey },
        waitsFor: ({ targetId }) => targetId === row.discount_id,
        isSame: () => true,
      },
      async ({ trx }) => {
        const rows = await rowsOfCode(trx, row.code)
        return decide(rows.find(({ discount_id }) => discount_id === row.discount_id) ?? row)
      },
    )
  if (promotionCode !== undefined) await end(promotionCode, decideEndOfCode)
  if (coupon.code.toLowerCase() === code.toLowerCase()) await end(coupon, decideEndOfCoupon)
  return { ...shownDiscount(found, context.now()), is_active: false }
}

export const decideEndOfCode = ({ is_active, discount_id }: DiscountRow): Decision =>
  is_active === 0
    ? { objectId: discount_id }
    : { call: 'update_promotion_code', targetId: discount_id, params: () => ({ active: false }) }

export const decideEndOfCoupon = ({ is_deleted, discount_id }: DiscountRow): Decision =>
  is_deleted === 1
    ? { objectId: discount_id }
    : { call: 'delete_coupon', targetId: discount_id, params: () => ({}) }

/** As Stripe has it now, or else the one that was deleted. */
async function discountToEnd(context: AppContext, code: string, by: By): Promise<FoundDiscount> {
  const { reader } = context.db
  await refreshDiscount(context, code, by)
  const discount = await findDiscount(reader, code)
  if (discount !== undefined) return discount
  const rows = await rowsOfCode(reader, code)
  const coupon = rows.find((row) => row.kind === 'coupon')
  if (coupon === undefined) throw new NotFound('discount')
  return { coupon, promotionCode: rows.find((row) => row.kind === 'promotion_code') }
}
