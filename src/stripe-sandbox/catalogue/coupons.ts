import type Stripe from 'stripe'
import { invalidRequest, missing } from '../objects/errors.ts'
import { randomLetters } from '../objects/ids.ts'
import * as p from '../objects/parameters.ts'
import { resource } from '../objects/resource.ts'
import { mustFind } from '../objects/turn.ts'

const createShape = p.optional({
  id: p.text,
  amount_off: p.whole,
  applies_to: p.hash({ products: p.listOf(p.text).optional() }),
  currency: p.currency,
  duration: p.oneOf('once', 'repeating', 'forever'),
  duration_in_months: p.whole,
  max_redemptions: p.whole,
  metadata: p.metadata,
  name: p.text,
  percent_off: p.decimal,
  redeem_by: p.whole,
} satisfies p.ShapeOf<Stripe.CouponCreateParams>)

type CouponInput = {
  amount_off?: number | undefined
  currency?: string | undefined
  duration?: string | undefined
  duration_in_months?: number | undefined
  max_redemptions?: number | undefined
  percent_off?: number | undefined
  redeem_by?: number | undefined
}

const coupons = resource('coupon', '/v1/coupons')

export const couponRoutes = [
  coupons.create(createShape, (call) => {
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
  coupons.list({ created: p.range } satisfies p.ShapeOf<Stripe.CouponListParams>),
  coupons.retrieve(),
  coupons.update(
    { metadata: p.metadata, name: p.clearable } satisfies p.ShapeOf<Stripe.CouponUpdateParams>,
    'coupon.updated',
  ),
  coupons.remove('coupon.deleted'),
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
