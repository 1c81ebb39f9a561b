import { type AppContext, requireStripe } from '../context.ts'
import { NotFound } from '../errors.ts'
import { refreshDiscount } from '../inbox/catalogue/look-up-discount.ts'
import type { By } from '../log/by.ts'
import { operate } from '../outbox/operate.ts'
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
  const end = (row: DiscountRow, params: Record<string, unknown>, isEnded: (row: DiscountRow) => boolean) =>
    operate(context, {
      tenantId: null,
      operation: 'delete_discount',
      by,
      clientKey,
      waitsFor: (pending) => pending.targetId === row.discount_id,
      isSame: () => true,
      prepare: async () => undefined,
      async decide({ trx }) {
        const fresh = (await rowsOfCode(trx, row.code)).find((each) => each.discount_id === row.discount_id)
        return isEnded(fresh ?? row) ? row.discount_id : { targetId: row.discount_id, params: () => params }
      },
    })
  const { coupon, promotionCode } = found
  if (promotionCode !== undefined) await end(promotionCode, { active: false }, (row) => row.is_active === 0)
  if (coupon.code.toLowerCase() === code.toLowerCase()) await end(coupon, {}, (row) => row.is_deleted === 1)
  return { ...shownDiscount(found, context.now()), is_active: false }
}

/** As Stripe has it now, or else the one that was deleted. */
async function discountToEnd(context: AppContext, code: string, by: By): Promise<FoundDiscount> {
  const { reader } = context.db
  await refreshDiscount(context, code, by)
  const known = await findDiscount(reader, code)
  if (known !== undefined) return known
  const rows = await rowsOfCode(reader, code)
  const coupon = rows.find((row) => row.kind === 'coupon')
  if (coupon === undefined) throw new NotFound('discount')
  return { coupon, promotionCode: rows.find((row) => row.kind === 'promotion_code') }
}
