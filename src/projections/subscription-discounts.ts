import { z } from 'zod'
import { cents, timeOut } from '../db/fields.ts'
import { canonicalJson } from '../log/canonical-json.ts'
import { idOf, integerOf, memberOf, textOf, timeOf } from './read-value.ts'

export const SubscriptionDiscount = z.object({
  discount_id: z.string(),
  coupon_id: z.string().nullable(),
  promotion_code_id: z.string().nullable(),
  percent_off: z.number().nullable(),
  amount_off_cents: cents.nullable(),
  duration: z.string().nullable(),
  ends_at: timeOut.nullable(),
})
export type SubscriptionDiscount = z.infer<typeof SubscriptionDiscount>

/** A subscription's discounts as the JSON of its row. Stripe's events have the ids alone: the terms are null then. */
export function readDiscounts(discounts: unknown): string {
  if (!Array.isArray(discounts)) return '[]'
  return canonicalJson(discounts.map(discountOf).filter((discount) => discount !== null))
}

/** The same discounts, with the terms that another sighting of the subscription knew. */
export function fillIn(discounts: string, other: string): string {
  const byId = new Map(discountsIn(other).map((discount) => [discount.discount_id, discount]))
  return canonicalJson(
    discountsIn(discounts).map((discount) => {
      const terms = Object.entries(byId.get(discount.discount_id) ?? {})
      return { ...discount, ...Object.fromEntries(terms.filter(([name]) => isUnknown(discount, name))) }
    }),
  )
}

function discountOf(value: unknown): SubscriptionDiscount | null {
  const discountId = idOf(value)
  if (discountId === null) return null
  const coupon = memberOf(memberOf(value, 'source'), 'coupon')
  const percentOff = memberOf(coupon, 'percent_off')
  return {
    discount_id: discountId,
    coupon_id: idOf(coupon),
    promotion_code_id: idOf(memberOf(value, 'promotion_code')),
    percent_off: typeof percentOff === 'number' ? percentOff : null,
    amount_off_cents: integerOf(memberOf(coupon, 'amount_off')),
    duration: textOf(memberOf(coupon, 'duration')),
    ends_at: timeOf(memberOf(value, 'end')),
  }
}

function isUnknown(discount: SubscriptionDiscount, name: string): boolean {
  return discount[name as keyof SubscriptionDiscount] === null
}

/** As the row has them. */
export function discountsIn(discounts: string): SubscriptionDiscount[] {
  return JSON.parse(discounts)
}
