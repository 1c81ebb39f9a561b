import type Stripe from 'stripe'
import type { ObjectTypes, StoredObject } from './store.ts'

/** How an object looks from outside at a moment: computed fields filled in, long lists cut, what has to be asked for left out. */
export function present<T extends StoredObject>(object: T, now: number): T {
  if ('deleted' in object) return object
  // The key is the object's own kind, which the compiler cannot follow through the map.
  const shown = presenters[object.object] as unknown as ((object: T, now: number) => T) | undefined
  return shown ? shown(object, now) : object
}

export function couponIsValid(coupon: Stripe.Coupon, now: number): boolean {
  const over = coupon.redeem_by !== null && coupon.redeem_by <= now
  const used = coupon.max_redemptions !== null && coupon.times_redeemed >= coupon.max_redemptions
  return !over && !used
}

/** `coupon` is asked apart: a code is only good while its coupon is. */
export function codeIsActive(code: Stripe.PromotionCode, now: number): boolean {
  const over = code.expires_at !== null && code.expires_at <= now
  const used = code.max_redemptions !== null && code.times_redeemed >= code.max_redemptions
  return code.active && !over && !used
}

/** An object inside another shows this many elements of a list; the rest are had from the list's own URL. */
const shownLines = 10

const presenters: { [K in keyof ObjectTypes]?: (object: ObjectTypes[K], now: number) => ObjectTypes[K] } = {
  coupon: ({ applies_to: _asked, ...coupon }, now) => ({ ...coupon, valid: couponIsValid(coupon, now) }),
  price: ({ tiers: _asked, ...price }) => price,
  promotion_code: (code, now) => ({ ...code, active: codeIsActive(code, now) }),
  invoice: (invoice) => {
    const { data } = invoice.lines
    if (data.length <= shownLines) return invoice
    return { ...invoice, lines: { ...invoice.lines, data: data.slice(0, shownLines), has_more: true } }
  },
}
