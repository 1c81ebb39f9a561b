import type Stripe from 'stripe'
import { z } from 'zod'
import { invalidRequest, missing } from '../objects/errors.ts'
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
  yesNo,
} from '../objects/parameters.ts'
import { route } from '../objects/routes.ts'
import { change, mustFind, type Turn } from '../objects/turn.ts'
import { type PriceInput, savePrice } from './price.ts'
import { makeProduct } from './product.ts'

export const recurringShape = hash({
  interval: oneOf('day', 'week', 'month', 'year'),
  interval_count: whole.optional(),
  usage_type: oneOf('licensed').optional(),
})

const tier = hash({
  up_to: z.union([z.literal('inf').transform(() => null), whole]),
  flat_amount: whole.optional(),
  unit_amount: whole.optional(),
  unit_amount_decimal: decimal.optional(),
})

const createShape = {
  currency,
  active: yesNo.optional(),
  billing_scheme: oneOf('per_unit', 'tiered').optional(),
  custom_unit_amount: hash({
    enabled: yesNo,
    maximum: whole.optional(),
    minimum: whole.optional(),
    preset: whole.optional(),
  }).optional(),
  lookup_key: text.optional(),
  metadata: metadata.optional(),
  nickname: text.optional(),
  product: text.optional(),
  product_data: hash({
    id: text.optional(),
    name: text,
    active: yesNo.optional(),
    metadata: metadata.optional(),
  }).optional(),
  recurring: recurringShape
    .extend({ meter: text.optional(), usage_type: oneOf('licensed', 'metered').optional() })
    .optional(),
  tax_behavior: oneOf('exclusive', 'inclusive', 'unspecified').optional(),
  tiers: listOf(tier).optional(),
  tiers_mode: oneOf('graduated', 'volume').optional(),
  unit_amount: whole.optional(),
  unit_amount_decimal: decimal.optional(),
} satisfies ShapeOf<Stripe.PriceCreateParams>

const updateShape = {
  active: yesNo.optional(),
  lookup_key: clearable.optional(),
  metadata: metadata.optional(),
  nickname: clearable.optional(),
} satisfies ShapeOf<Stripe.PriceUpdateParams>

const listShape = {
  ...pagination,
  active: yesNo.optional(),
  created: range.optional(),
  currency: currency.optional(),
  lookup_keys: listOf(text).optional(),
  product: text.optional(),
  recurring: hash({ interval: text.optional(), usage_type: text.optional() }).optional(),
  type: oneOf('one_time', 'recurring').optional(),
} satisfies ShapeOf<Stripe.PriceListParams>

export const priceRoutes = [
  route('POST /v1/prices', createShape, (call) => {
    const { product_data: productInput, product: productId, ...input } = call.params
    if (productInput) {
      const product = makeProduct(call, productInput)
      call.emit('product.created', product)
      return makePrice(call, { ...input, product: product.id })
    }
    if (productId === undefined) throw missing('product')
    return makePrice(call, { ...input, product: mustFind(call, 'product', productId, 'product').id })
  }),
  route('GET /v1/prices', listShape, (call) => {
    const { active, currency: code, lookup_keys: keys, product, recurring, type } = call.params
    return listPage(call, 'price', '/v1/prices', call.params, {
      equal: { active, currency: code, product, type, 'recurring.interval': recurring?.interval },
      where: (price) => !keys || keys.includes(price.lookup_key ?? ''),
    })
  }),
  route('GET /v1/prices/:id', {}, (call) => mustFind(call, 'price', call.id)),
  route('POST /v1/prices/:id', updateShape, (call) => {
    const price = mustFind(call, 'price', call.id)
    const { active, lookup_key: key, nickname, metadata: given } = call.params
    return change(call, 'price.updated', price, {
      ...price,
      active: active ?? price.active,
      lookup_key: key === undefined ? price.lookup_key : key,
      nickname: nickname === undefined ? price.nickname : nickname,
      metadata: mergeMetadata(price.metadata, given),
    })
  }),
]

/** A new price, told of. @throws StripeFailure 400 */
export function makePrice(turn: Turn, input: PriceInput): Stripe.Price {
  const isTiered = input.billing_scheme === 'tiered'
  const hasAmount = input.unit_amount !== undefined || input.unit_amount_decimal !== undefined
  if (isTiered && input.tiers === undefined) throw missing('tiers')
  if (isTiered && input.tiers_mode === undefined) throw missing('tiers_mode')
  if (!isTiered && !hasAmount && !input.custom_unit_amount?.enabled) throw missing('unit_amount')
  if (input.recurring?.usage_type === 'metered' && input.recurring.meter === undefined)
    throw missing('recurring[meter]')
  if ((input.unit_amount ?? 0) < 0)
    throw invalidRequest('This value must be greater than or equal to 0.', {
      code: 'parameter_invalid_integer',
      param: 'unit_amount',
    })
  const price = savePrice(turn, input)
  turn.emit('price.created', price)
  return price
}
