import { canonicalJson } from '../log/canonical-json.ts'
import { idOf, integerOf, memberOf, textOf, timeOf } from './read-value.ts'

export type SubscriptionDiscount = {
  discount_id: string
  coupon_id: string | null
  promotion_code_id: string | null
  percent_off: number | null
  amount_off_cents: number | null
  duration: string | null
  ends_at: string | null
}

/** A subscription's discounts as the JSON of its row. Stripe's events have the ids alone: the terms are null then. */
export function readDiscounts(discounts: unknown): string {
  if (!Array.isArray(discounts)) return '[]'
  return canonicalJson(discounts.map(discountOf).filter((discount) => discount !== null))
}

/** The same discounts, with the terms that another sighting of the subscription knew. */
export function fillIn(discounts: string, other: string): string {
  const known = new Map(parse(other).map((discount) => [discount.discount_id, discount]))
  return canonicalJson(
    parse(discounts).map((discount) => {
      const terms = Object.entries(known.get(discount.discount_id) ?? {})
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

function parse(discounts: string): SubscriptionDiscount[] {
  return JSON.parse(discounts)
}
