import type Stripe from 'stripe'
import { invalidRequest, missing } from '../objects/errors.ts'
import { idOf, newId, randomLetters } from '../objects/ids.ts'
import { listPage } from '../objects/lists.ts'
import {
  currency,
  hash,
  mergeMetadata,
  metadata,
  oneOf,
  pagination,
  range,
  type ShapeOf,
  text,
  whole,
  yesNo,
} from '../objects/parameters.ts'
import { codeIsActive, couponIsValid, present } from '../objects/present.ts'
import { route } from '../objects/routes.ts'
import { change, mustFind, type Turn } from '../objects/turn.ts'

const promotion = hash({ type: oneOf('coupon'), coupon: text })
const shared = {
  active: yesNo.optional(),
  code: text.optional(),
  customer: text.optional(),
  expires_at: whole.optional(),
  max_redemptions: whole.optional(),
  metadata: metadata.optional(),
  restrictions: hash({
    first_time_transaction: yesNo.optional(),
    minimum_amount: whole.optional(),
    minimum_amount_currency: currency.optional(),
  }).optional(),
} satisfies ShapeOf<Stripe.PromotionCodeCreateParams>

const updateShape = {
  active: yesNo.optional(),
  metadata: metadata.optional(),
} satisfies ShapeOf<Stripe.PromotionCodeUpdateParams>

const listShape = {
  ...pagination,
  active: yesNo.optional(),
  code: text.optional(),
  coupon: text.optional(),
  created: range.optional(),
  customer: text.optional(),
} satisfies ShapeOf<Stripe.PromotionCodeListParams>

export const promotionCodeRoutes = [
  route(
    'POST /v1/promotion_codes',
    { ...shared, promotion: promotion.optional() },
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
    { older: { coupon: text.optional() } },
  ),
  route('GET /v1/promotion_codes', listShape, (call) => {
    const { active, code, coupon, customer } = call.params
    const page = listPage(call, 'promotion_code', '/v1/promotion_codes', call.params, {
      equal: { customer, 'promotion.coupon': coupon },
      where: (each) =>
        (code === undefined || each.code.toLowerCase() === code.toLowerCase()) &&
        (active === undefined || isActive(call, each) === active),
    })
    return { ...page, data: page.data.map((each) => shown(call, each)) }
  }),
  route('GET /v1/promotion_codes/:id', {}, (call) => shown(call, mustFind(call, 'promotion_code', call.id))),
  route('POST /v1/promotion_codes/:id', updateShape, (call) => {
    const code = mustFind(call, 'promotion_code', call.id)
    const { active, metadata: given } = call.params
    const after = {
      ...code,
      active: active ?? code.active,
      metadata: mergeMetadata(code.metadata ?? {}, given),
    }
    return shown(call, change(call, 'promotion_code.updated', code, after))
  }),
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
