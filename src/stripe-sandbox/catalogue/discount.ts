import type Stripe from 'stripe'
import { invalidRequest, missing, type StripeFailure } from '../objects/errors.ts'
import { idOf, newId } from '../objects/ids.ts'
import { hash, listOf, text } from '../objects/parameters.ts'
import { addInterval } from '../objects/periods.ts'
import { codeIsActive, couponIsValid } from '../objects/present.ts'
import { mustFind, type Turn } from '../objects/turn.ts'

export const discountList = listOf(
  hash({ coupon: text.optional(), promotion_code: text.optional(), discount: text.optional() }),
)
export type DiscountInput = {
  coupon?: string | undefined
  promotion_code?: string | undefined
  discount?: string | undefined
}
type Target = {
  customer: string
  currency: string
  /** What is bought, before discounts, in the currency's minor unit. */
  amount: number
  subscription?: string
  invoice?: string
}

/**
 * Redeems coupons and promotion codes for a subscription or an invoice: checked and counted in one transaction, so that
 * of two who race for the last redemption one is refused. A discount that is there already is kept and not counted.
 * @throws StripeFailure 400 `resource_missing`, `coupon_expired`
 */
export function redeem(turn: Turn, inputs: DiscountInput[], target: Target): Stripe.Discount[] {
  return inputs.map((input, position) => {
    const param = `discounts[${position}]`
    if (input.discount !== undefined) return mustFind(turn, 'discount', input.discount, `${param}[discount]`)
    if (input.promotion_code !== undefined) return redeemCode(turn, input.promotion_code, target, param)
    if (input.coupon === undefined) throw missing(`${param}[coupon]`)
    const coupon = mustFind(turn, 'coupon', input.coupon, `${param}[coupon]`)
    return redeemCoupon(turn, coupon, null, target, `${param}[coupon]`)
  })
}

/** Takes discounts off a subscription, whether used up or removed. */
export function endDiscounts(turn: Turn, ids: string[]): void {
  for (const id of ids) {
    const discount = turn.store.find('discount', id)
    if (!discount) continue
    const ended = turn.store.save({ ...discount, end: turn.now })
    turn.emit('customer.discount.deleted', ended)
  }
}

/** What it was made of: also when that was deleted since, and another coupon has its id. */
export function couponOf(turn: Turn, discount: Stripe.Discount): Stripe.Coupon | undefined {
  return (
    turn.store.hidden<Kept>(`coupon of ${discount.id}`).coupon ??
    turn.store.find('coupon', idOf(discount.source.coupon) ?? '')
  )
}

type Kept = { coupon: Stripe.Coupon }

function redeemCode(turn: Turn, id: string, target: Target, param: string): Stripe.Discount {
  const code = mustFind(turn, 'promotion_code', id, `${param}[promotion_code]`)
  const refuse = (why: string, errorCode = 'coupon_expired') =>
    refusal(
      `Promotion code ${code.code} cannot be redeemed because ${why}.`,
      `${param}[promotion_code]`,
      errorCode,
    )
  const coupon = mustFind(turn, 'coupon', idOf(code.promotion.coupon) ?? '', `${param}[promotion_code]`)
  if (!codeIsActive(code, turn.now) || !couponIsValid(coupon, turn.now))
    throw refuse('it is expired or not active')
  const owner = idOf(code.customer)
  if (owner !== null && owner !== target.customer)
    throw refuse('it is restricted to another customer', 'resource_missing')
  if (code.restrictions.first_time_transaction && hasBought(turn, target.customer))
    throw refuse('the associated customer has prior transactions')
  const { minimum_amount: minimum, minimum_amount_currency: currency } = code.restrictions
  if (minimum !== null && (currency !== target.currency || target.amount < minimum))
    throw refuse('the minimum amount for it is not reached')
  const discount = redeemCoupon(turn, coupon, code.id, target, `${param}[promotion_code]`)
  turn.store.save({ ...code, times_redeemed: code.times_redeemed + 1 })
  return discount
}

/** Payments that succeeded, and invoices that were not voided: https://docs.stripe.com/api/promotion_codes/object */
function hasBought(turn: Turn, customer: string): boolean {
  const invoices = turn.store.all('invoice', { customer })
  const charges = turn.store.all('charge', { customer, status: 'succeeded' })
  return charges.length > 0 || invoices.some(({ status }) => status !== 'draft' && status !== 'void')
}

function redeemCoupon(
  turn: Turn,
  coupon: Stripe.Coupon,
  codeId: string | null,
  target: Target,
  param: string,
): Stripe.Discount {
  if (!couponIsValid(coupon, turn.now)) throw refusal(`Coupon expired: ${coupon.id}`, param, 'coupon_expired')
  if (coupon.amount_off !== null && coupon.currency !== target.currency)
    throw refusal(
      `The currency of the coupon (${coupon.currency}) does not match the currency of what it is applied to (${target.currency}).`,
      param,
    )
  turn.store.save({ ...coupon, times_redeemed: coupon.times_redeemed + 1 })
  const months = coupon.duration === 'repeating' ? coupon.duration_in_months : null
  const discount = turn.store.save({
    id: newId('di'),
    object: 'discount',
    checkout_session: null,
    customer: target.customer,
    customer_account: null,
    end: months === null ? null : addInterval(turn.now, { interval: 'month', interval_count: months }),
    invoice: target.invoice ?? null,
    invoice_item: null,
    promotion_code: codeId,
    source: { coupon: coupon.id, type: 'coupon' },
    start: turn.now,
    subscription: target.subscription ?? null,
    subscription_item: null,
  })
  turn.store.hide(`coupon of ${discount.id}`, { coupon } satisfies Kept)
  turn.emit('customer.discount.created', discount)
  return discount
}

function refusal(message: string, param: string, code?: string): StripeFailure {
  return invalidRequest(message, code === undefined ? { param } : { code, param })
}
