import { type AppContext, type By, requireStripe } from '../context.ts'
import type { Reader, Row } from '../db/tables.ts'
import { NotFound } from '../errors.ts'
import { askStripe } from './ask-stripe.ts'
import { recordCatalogue } from './catalogue.ts'
import { type Page, type PageQuery, pageOf, readCursor } from './page.ts'

export type DiscountRow = Row<'billing_discounts'>

/** A coupon, and the promotion code by which customers name it. */
export type Discount = {
  code: string
  name: string | null
  percent_off: number | null
  /** In the currency's minor unit. */
  amount_off: number | null
  currency: string | null
  duration: string | null
  duration_in_months: number | null
  max_redemptions: number | null
  times_redeemed: number
  expires_at: string | null
  is_active: boolean
  coupon_id: string
  promotion_code_id: string | null
  created_at: string
}

/** The discount of a code, in any case. Stripe is asked for one that we do not know. @throws NotFound */
export async function discountOf(context: AppContext, code: string, by: By): Promise<Discount> {
  const { reader } = context.db
  const known = await findDiscount(reader, code)
  if (known !== undefined) return shownDiscount(known, context.now())
  if (context.stripe !== undefined) await fetchDiscount(context, code, by)
  const found = await findDiscount(reader, code)
  if (found === undefined) throw new NotFound('discount')
  return shownDiscount(found, context.now())
}

/** Records what Stripe has under a code, such as a discount that was made in its dashboard. */
export async function fetchDiscount(context: AppContext, code: string, by: By): Promise<void> {
  const stripe = requireStripe(context)
  const seen = await askStripe(() => stripe.findDiscount(code))
  if (seen.length === 0) return
  await context.db.transact(async (trx) => {
    const now = context.now().toISOString()
    await recordCatalogue(trx, seen, `discount:${code}:${now}`, now, by)
  })
}

/** Newest first, without the deleted. @throws InvalidRequest on `cursor` */
export async function listDiscounts(
  reader: Reader,
  { limit, cursor }: PageQuery,
  now: Date,
): Promise<Page<Discount>> {
  const after = readCursor(cursor)
  let query = reader
    .selectFrom('billing_discounts')
    .selectAll()
    .where('kind', '=', 'coupon')
    .where('is_deleted', '=', 0)
  if (after !== undefined)
    query = query.where((eb) =>
      eb.or([
        eb('created_at', '<', after.createdAt),
        eb.and([eb('created_at', '=', after.createdAt), eb('discount_id', '<', after.id)]),
      ]),
    )
  const coupons = await query
    .orderBy('created_at', 'desc')
    .orderBy('discount_id', 'desc')
    .limit(limit + 1)
    .execute()
  const discounts = await Promise.all(
    coupons.map(async (coupon) =>
      shownDiscount({ coupon, promotionCode: await promotionCodeOf(reader, coupon) }, now),
    ),
  )
  return pageOf(discounts, limit, (discount) => discount.coupon_id)
}

export type FoundDiscount = { coupon: DiscountRow; promotionCode: DiscountRow | undefined }

/** A live coupon by its own id, or by a promotion code for it; the active one of those with the same code. */
export async function findDiscount(reader: Reader, code: string): Promise<FoundDiscount | undefined> {
  const rows = await rowsOfCode(reader, code)
  const promotionCode = rows
    .filter((row) => row.kind === 'promotion_code')
    .sort((a, b) => b.is_active - a.is_active || (a.created_at < b.created_at ? 1 : -1))[0]
  const ownCoupon = rows.find((row) => row.kind === 'coupon')
  const coupon =
    ownCoupon !== undefined &&
    (promotionCode === undefined || promotionCode.coupon_id === ownCoupon.coupon_id)
      ? ownCoupon
      : promotionCode && (await couponById(reader, promotionCode.coupon_id))
  return coupon === undefined || coupon.is_deleted === 1 ? undefined : { coupon, promotionCode }
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
  const isOver = expiresAt !== undefined && expiresAt <= now.toISOString()
  return {
    code: promotionCode?.code ?? coupon.code,
    name: coupon.name,
    percent_off: coupon.percent_off_ppm === null ? null : coupon.percent_off_ppm / 10_000,
    amount_off: coupon.amount_off_cents,
    currency: coupon.currency,
    duration: coupon.duration,
    duration_in_months: coupon.duration_in_months,
    max_redemptions: promotionCode?.max_redemptions ?? coupon.max_redemptions,
    times_redeemed: coupon.times_redeemed,
    expires_at: expiresAt ?? null,
    is_active: coupon.is_active === 1 && promotionCode?.is_active !== 0 && !isOver,
    coupon_id: coupon.coupon_id,
    promotion_code_id: promotionCode?.discount_id ?? null,
    created_at: coupon.created_at,
  }
}

function couponById(reader: Reader, couponId: string): Promise<DiscountRow | undefined> {
  return reader
    .selectFrom('billing_discounts')
    .selectAll()
    .where('discount_id', '=', couponId)
    .executeTakeFirst()
}

async function promotionCodeOf(reader: Reader, coupon: DiscountRow): Promise<DiscountRow | undefined> {
  return reader
    .selectFrom('billing_discounts')
    .selectAll()
    .where('kind', '=', 'promotion_code')
    .where('coupon_id', '=', coupon.coupon_id)
    .orderBy('is_active', 'desc')
    .orderBy('created_at', 'desc')
    .orderBy('discount_id')
    .executeTakeFirst()
}
