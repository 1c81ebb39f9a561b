import { z } from 'zod'
import type { AppContext } from '../context.ts'
import { cents, timeOut } from '../db/fields.ts'
import { type Page, type PageQuery, pageOf } from '../db/page.ts'
import type { Reader, Row } from '../db/tables.ts'
import { AppError, NotFound } from '../errors.ts'
import { chooseDiscount } from '../inbox/catalogue/discount-choice.ts'
import { refreshDiscount } from '../inbox/catalogue/look-up-discount.ts'
import type { By } from '../log/by.ts'

export type DiscountRow = Row<'billing_discounts'>

/** A coupon, and the promotion code by which customers name it. */
export const Discount = z
  .object({
    code: z.string(),
    name: z.string().nullable(),
    percent_off: z.number().nullable(),
    amount_off: cents.nullable().meta({ description: "In the currency's minor unit" }),
    currency: z.string().nullable(),
    duration: z.string().nullable(),
    duration_in_months: z.int().nullable(),
    max_redemptions: z.int().nullable(),
    times_redeemed: z.int(),
    expires_at: timeOut.nullable(),
    is_active: z.boolean(),
    first_time_transaction: z.boolean().meta({ description: 'Only for who has never bought' }),
    coupon_id: z.string(),
    promotion_code_id: z.string().nullable(),
    created_at: timeOut,
  })
  .meta({ id: 'Discount' })
export type Discount = z.infer<typeof Discount>

/**
 * The discount of a code, in any case, as Stripe has it now; without Stripe, as it was seen last.
 * @throws NotFound
 */
export async function discountOf(context: AppContext, code: string, by: By): Promise<Discount> {
  if (context.stripe !== undefined)
    await refreshDiscount(context, code, by).catch((error) => {
      if (!isAway(error)) throw error
    })
  const found = await findDiscount(context.db.reader, code)
  if (found === undefined) throw new NotFound('discount')
  return shownDiscount(found, context.now())
}

const isAway = (error: unknown) => error instanceof AppError && error.code === 'stripe_unavailable'

/** Newest first, without the deleted. @throws InvalidRequest on `cursor` */
export async function listDiscounts(reader: Reader, page: PageQuery, now: Date): Promise<Page<Discount>> {
  const coupons = reader
    .selectFrom('billing_discounts')
    .selectAll()
    .where('kind', '=', 'coupon')
    .where('is_deleted', '=', 0)
  return pageOf(coupons, page, 'discount_id', async (coupon) =>
    shownDiscount({ coupon, promotionCode: await promotionCodeOf(reader, coupon) }, now),
  )
}

export type FoundDiscount = { coupon: DiscountRow; promotionCode: DiscountRow | undefined }

/** What a code stands for, as far as we have been told. */
export async function findDiscount(reader: Reader, code: string): Promise<FoundDiscount | undefined> {
  const named = await rowsOfCode(reader, code)
  const coupons = await reader
    .selectFrom('billing_discounts')
    .selectAll()
    .where('discount_id', 'in', [...new Set(['', ...named.map((row) => row.coupon_id)])])
    .where('is_deleted', '=', 0)
    .execute()
  const candidates = [...coupons, ...named.filter(({ kind }) => kind === 'promotion_code')].map((row) => ({
    kind: row.kind,
    code: row.code,
    couponId: row.coupon_id,
    createdAt: row.created_at,
    isActive: row.is_active === 1,
    of: row,
  }))
  return chooseDiscount(code, candidates)
}

/** Coupons and promotion codes, deleted ones too. */
export function rowsOfCode(reader: Reader, code: string): Promise<DiscountRow[]> {
  return reader
    .selectFrom('billing_discounts')
    .selectAll()
    .where((eb) => eb(eb.fn<string>('lower', ['code']), '=', code.toLowerCase()))
    .execute()
}

export function shownDiscount({ coupon, promotionCode }: FoundDiscount, now: Date): Discount {
  const expiresAt = [coupon.expires_at, promotionCode?.expires_at ?? null]
    .filter((time) => time !== null)
    .sort()[0]
  // A code with a limit of its own is counted by itself.
  const limited = promotionCode?.max_redemptions ? promotionCode : coupon
  const isOver = expiresAt !== undefined && expiresAt <= now.toISOString()
  return {
    code: promotionCode?.code ?? coupon.code,
    name: coupon.name,
    percent_off: coupon.percent_off_ppm === null ? null : coupon.percent_off_ppm / 10_000,
    amount_off: coupon.amount_off_cents,
    currency: coupon.currency,
    duration: coupon.duration,
    duration_in_months: coupon.duration_in_months,
    max_redemptions: limited.max_redemptions,
    times_redeemed: limited.times_redeemed,
    expires_at: expiresAt ?? null,
    is_active: coupon.is_active === 1 && promotionCode?.is_active !== 0 && !isOver,
    first_time_transaction: promotionCode?.first_time_transaction === 1,
    coupon_id: coupon.coupon_id,
    promotion_code_id: promotionCode?.discount_id ?? null,
    created_at: coupon.created_at,
  }
}

async function promotionCodeOf(reader: Reader, coupon: DiscountRow): Promise<DiscountRow | undefined> {
  return reader
    .selectFrom('billing_discounts')
    .selectAll()
    .where('kind', '=', 'promotion_code')
    .where('coupon_id', '=', coupon.coupon_id)
    .where('created_at', '>=', coupon.created_at)
    .orderBy('is_active', 'desc')
    .orderBy('created_at', 'desc')
    .orderBy('discount_id')
    .executeTakeFirst()
}
