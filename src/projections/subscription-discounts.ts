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
  product_ids: z.array(z.string()).nullable().meta({ description: 'The products that it lowers; null: all' }),
  ends_at: timeOut.nullable(),
})
export type SubscriptionDiscount = z.infer<typeof SubscriptionDiscount>

/** A subscription's discounts as the JSON of its row. Stripe's events have the ids alone: the terms are null then. */
export function readDiscounts(discounts: unknown): string {
  if (!Array.isArray(discounts)) return '[]'
  return canonicalJson(discounts.map(discountOf).filter((discount) => discount !== null))
}

/**
 * The same discounts, with the terms that were known before, or else that another sighting of the subscription knows. Terms
 * never change: one whose coupon was deleted keeps them, whatever coupon has its id now.
 */
export function fillIn(shown: string, known: string, other = '[]'): string {
  const [knownById, otherById] = [byId(known), byId(other)]
  return canonicalJson(
    discountsIn(shown).map((discount) => {
      const { discount_id: id, ends_at } = discount
      const terms = [knownById.get(id), discount, otherById.get(id)]
        .filter((each) => each !== undefined)
        .reduce(completed)
      return { ...terms, ends_at: ends_at ?? terms.ends_at }
    }),
  )
}

const byId = (discounts: string) =>
  new Map(discountsIn(discounts).map((discount) => [discount.discount_id, discount]))

/** With what the other knows more, unless it is of another coupon. */
function completed(discount: SubscriptionDiscount, other: SubscriptionDiscount): SubscriptionDiscount {
  const isSame =
    discount.percent_off === other.percent_off && discount.amount_off_cents === other.amount_off_cents
  if (hasTerms(discount) && hasTerms(other) && !isSame) return discount
  const known = Object.entries(discount).filter(([, value]) => value !== null)
  return { ...other, ...Object.fromEntries(known) }
}

const hasTerms = ({ percent_off, amount_off_cents }: SubscriptionDiscount) =>
  percent_off !== null || amount_off_cents !== null

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
    product_ids: textsOf(memberOf(memberOf(coupon, 'applies_to'), 'products')),
    ends_at: timeOf(memberOf(value, 'end')),
  }
}

/** Null: none, or nothing is said of them. */
const textsOf = (value: unknown) =>
  Array.isArray(value) ? value.map(textOf).filter((text) => text !== null) : null

/** As the row has them. */
export function discountsIn(discounts: string): SubscriptionDiscount[] {
  return JSON.parse(discounts)
}
