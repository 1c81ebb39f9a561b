import type Stripe from 'stripe'
import { invalidRequest, missing } from '../objects/errors.ts'
import { randomLetters } from '../objects/ids.ts'
import { listPage } from '../objects/lists.ts'
import {
  clearable,
  currency,
  decimal,
  hash,
  listOf,
  mergeMetadata,
  metadata,
  oneOf,
  pagination,
  range,
  type ShapeOf,
  text,
  whole,
} from '../objects/parameters.ts'
import { route } from '../objects/routes.ts'
import { change, mustFind } from '../objects/turn.ts'
import { keepForDiscounts } from './discount.ts'

const createShape = {
  id: text.optional(),
  amount_off: whole.optional(),
  applies_to: hash({ products: listOf(text).optional() }).optional(),
  currency: currency.optional(),
  duration: oneOf('once', 'repeating', 'forever').optional(),
  duration_in_months: whole.optional(),
  max_redemptions: whole.optional(),
  metadata: metadata.optional(),
  name: text.optional(),
  percent_off: decimal.optional(),
  redeem_by: whole.optional(),
} satisfies ShapeOf<Stripe.CouponCreateParams>

const updateShape = {
  metadata: metadata.optional(),
  name: clearable.optional(),
} satisfies ShapeOf<Stripe.CouponUpdateParams>

const listShape = { ...pagination, created: range.optional() } satisfies ShapeOf<Stripe.CouponListParams>

type CouponInput = {
  amount_off?: number | undefined
  currency?: string | undefined
  duration?: string | undefined
  duration_in_months?: number | undefined
  max_redemptions?: number | undefined
  percent_off?: number | undefined
  redeem_by?: number | undefined
}

export const couponRoutes = [
  route('POST /v1/coupons', createShape, (call) => {
    const { params } = call
    checkTerms(params, call.now)
    const id = params.id ?? randomLetters(8)
    if (call.store.find('coupon', id))
      throw invalidRequest('Coupon already exists.', { code: 'resource_already_exists', param: 'id' })
    const products = params.applies_to?.products
    for (const [position, product] of (products ?? []).entries())
      mustFind(call, 'product', product, `applies_to[products][${position}]`)
    const coupon = call.store.save({
      id,
      object: 'coupon',
      amount_off: params.amount_off ?? null,
      ...(products && { applies_to: { products } }),
      created: call.now,
      currency: params.currency ?? null,
      duration: params.duration ?? 'once',
      duration_in_months: params.duration_in_months ?? null,
      livemode: false,
      max_redemptions: params.max_redemptions ?? null,
      metadata: params.metadata ?? {},
      name: params.name ?? null,
      percent_off: params.percent_off ?? null,
      redeem_by: params.redeem_by ?? null,
      times_redeemed: 0,
      valid: true,
    })
    call.emit('coupon.created', coupon)
    return coupon
  }),
  route('GET /v1/coupons', listShape, (call) => listPage(call, 'coupon', '/v1/coupons', call.params)),
  route('GET /v1/coupons/:id', {}, (call) => mustFind(call, 'coupon', call.id)),
  route('POST /v1/coupons/:id', updateShape, (call) => {
    const coupon = mustFind(call, 'coupon', call.id)
    const { name, metadata: given } = call.params
    const after = {
      ...coupon,
      name: name === undefined ? coupon.name : name,
      metadata: mergeMetadata(coupon.metadata ?? {}, given),
    }
    return change(call, 'coupon.updated', coupon, after)
  }),
  route('DELETE /v1/coupons/:id', {}, (call) => {
    const coupon = mustFind(call, 'coupon', call.id)
    const stub = { id: coupon.id, object: 'coupon', deleted: true } satisfies Stripe.DeletedCoupon
    keepForDiscounts(call, coupon)
    call.store.remove(coupon, stub)
    call.emit('coupon.deleted', coupon)
    return stub
  }),
]

function checkTerms(terms: CouponInput, now: number): void {
  const { amount_off: amount, percent_off: percent, duration = 'once' } = terms
  if (amount === undefined && percent === undefined)
    throw invalidRequest('Must provide percent_off or amount_off with a value > 0.', { param: 'percent_off' })
  if (amount !== undefined && percent !== undefined)
    throw invalidRequest('Received both percent_off and amount_off parameters. Please pass in only one.', {
      code: 'parameters_exclusive',
    })
  if (percent !== undefined && (percent <= 0 || percent > 100))
    throw invalidRequest('Invalid decimal: must be greater than 0 and at most 100.', { param: 'percent_off' })
  if (percent !== undefined && Number(percent.toFixed(4)) !== percent)
    throw invalidRequest('Invalid decimal: must have at most four decimals.', { param: 'percent_off' })
  if (amount !== undefined && amount <= 0)
    throw invalidRequest('This value must be greater than or equal to 1.', {
      code: 'parameter_invalid_integer',
      param: 'amount_off',
    })
  if (amount !== undefined && terms.currency === undefined) throw missing('currency')
  // An amount off for ever is refused since the API version 2025-03-31.
  if (amount !== undefined && duration === 'forever')
    throw invalidRequest('You cannot create a coupon with amount_off and a duration of forever.', {
      param: 'duration',
    })
  if (duration === 'repeating' && terms.duration_in_months === undefined) throw missing('duration_in_months')
  if (duration !== 'repeating' && terms.duration_in_months !== undefined)
    throw invalidRequest('You can only provide duration_in_months with a duration of repeating.', {
      param: 'duration_in_months',
    })
  for (const param of ['max_redemptions', 'duration_in_months'] as const) {
    if ((terms[param] ?? 1) < 1)
      throw invalidRequest('This value must be greater than or equal to 1.', {
        code: 'parameter_invalid_integer',
        param,
      })
  }
  if (terms.redeem_by !== undefined && terms.redeem_by <= now)
    throw invalidRequest('redeem_by must be in the future.', { param: 'redeem_by' })
}
