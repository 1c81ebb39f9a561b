import type Stripe from 'stripe'
import { invalidRequest, missing } from '../objects/errors.ts'
import { idOf, newId, randomLetters } from '../objects/ids.ts'
import * as p from '../objects/parameters.ts'
import { codeIsActive, couponIsValid, present } from '../objects/present.ts'
import { resource } from '../objects/resource.ts'
import { mustFind, type Turn } from '../objects/turn.ts'

const restrictions = p.optional({
  first_time_transaction: p.yesNo,
  minimum_amount: p.whole,
  minimum_amount_currency: p.currency,
})
const createShape = p.optional({
  active: p.yesNo,
  code: p.text,
  customer: p.text,
  expires_at: p.whole,
  max_redemptions: p.whole,
  metadata: p.metadata,
  promotion: p.hash({ type: p.oneOf('coupon'), coupon: p.text }),
  restrictions: p.hash(restrictions),
} satisfies p.ShapeOf<Stripe.PromotionCodeCreateParams>)

const listShape = {
  active: p.yesNo,
  code: p.text,
  coupon: p.text,
  created: p.range,
  customer: p.text,
} satisfies p.ShapeOf<Stripe.PromotionCodeListParams>

const codes = resource('promotion_code', '/v1/promotion_codes', shown)

export const promotionCodeRoutes = [
  codes.create(
    createShape,
    (call) => {
      const { params } = call
      const couponId = params.promotion?.coupon ?? params.coupon
      if (couponId === undefined) throw missing('promotion')
      const coupon = mustFind(call, 'coupon', couponId, 'promotion[coupon]')
      if (params.customer !== undefined) mustFind(call, 'customer', params.customer, 'customer')
      if (params.expires_at !== undefined && params.expires_at <= call.now)
        throw invalidRequest('expires_at must be in the future.', { param: 'expires_at' })
      if ((params.max_redemptions ?? 1) < 1)
        throw invalidRequest('This value must be greater than or equal to 1.', {
          code: 'parameter_invalid_integer',
          param: 'max_redemptions',
        })
      const { minimum_amount: minimum, minimum_amount_currency: minimumCurrency } = params.restrictions ?? {}
      if (minimum !== undefined && minimumCurrency === undefined)
        throw missing('restrictions[minimum_amount_currency]')
      const code = params.code ?? randomLetters(8).toUpperCase()
      if (!/^[A-Za-z0-9-]+$/.test(code))
        throw invalidRequest('Promotion codes may only contain letters, digits and dashes.', {
          param: 'code',
        })
      const same = sameCodes(call, code).some(
        (each) => isActive(call, each) && each.customer === (params.customer ?? null),
      )
      if (same && params.active !== false)
        throw invalidRequest(`An active promotion code with \`code: ${code}\` already exists.`, {
          code: 'resource_already_exists',
          param: 'code',
        })
      const made = call.store.save({
        id: newId('promo'),
        object: 'promotion_code',
        active: params.active ?? true,
        code,
        created: call.now,
        customer: params.customer ?? null,
        customer_account: null,
        expires_at: params.expires_at ?? null,
        livemode: false,
        max_redemptions: params.max_redemptions ?? null,
        metadata: params.metadata ?? {},
        promotion: { type: 'coupon', coupon: coupon.id },
        restrictions: {
          first_time_transaction: params.restrictions?.first_time_transaction ?? false,
          minimum_amount: params.restrictions?.minimum_amount ?? null,
          minimum_amount_currency: params.restrictions?.minimum_amount_currency ?? null,
        },
        times_redeemed: 0,
      })
      call.emit('promotion_code.created', made)
      return shown(call, made)
    },
    { older: { coupon: p.text.optional() } },
  ),
  codes.list(listShape, ({ active, code, coupon, customer }, turn) => ({
    equal: { customer, 'promotion.coupon': coupon },
    where: (each) =>
      (code === undefined || each.code.toLowerCase() === code.toLowerCase()) &&
      (active === undefined || isActive(turn, each) === active),
  })),
  codes.retrieve(),
  codes.update(
    { active: p.yesNo, metadata: p.metadata } satisfies p.ShapeOf<Stripe.PromotionCodeUpdateParams>,
    'promotion_code.updated',
  ),
]

function sameCodes(turn: Turn, code: string): Stripe.PromotionCode[] {
  return turn.store.all('promotion_code', {}).filter((each) => each.code.toLowerCase() === code.toLowerCase())
}

/** A code of a coupon that is over is not active either. */
function isActive(turn: Turn, code: Stripe.PromotionCode): boolean {
  const coupon = turn.store.find('coupon', idOf(code.promotion.coupon) ?? '')
  return codeIsActive(code, turn.now) && coupon !== undefined && couponIsValid(coupon, turn.now)
}

function shown(turn: Turn, code: Stripe.PromotionCode): Stripe.PromotionCode {
  return { ...present(code, turn.now), active: isActive(turn, code) }
}
