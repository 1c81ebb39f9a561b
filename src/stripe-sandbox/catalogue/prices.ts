import type Stripe from 'stripe'
import { z } from 'zod'
import { invalidRequest, missing } from '../objects/errors.ts'
import * as p from '../objects/parameters.ts'
import { resource } from '../objects/resource.ts'
import { mustFind, type Turn } from '../objects/turn.ts'
import { type PriceInput, savePrice } from './price.ts'
import { makeProduct } from './product.ts'

export const recurringShape = p.hash({
  interval: p.oneOf('day', 'week', 'month', 'year'),
  interval_count: p.whole.optional(),
  usage_type: p.oneOf('licensed').optional(),
})

const tier = p.hash({
  up_to: z.union([z.literal('inf').transform(() => null), p.whole]),
  ...p.optional({ flat_amount: p.whole, unit_amount: p.whole, unit_amount_decimal: p.exactDecimal }),
})
const chosenAmount = p.hash({
  enabled: p.yesNo,
  ...p.optional({ maximum: p.whole, minimum: p.whole, preset: p.whole }),
})
const productInput = p.hash({
  name: p.text,
  ...p.optional({ id: p.text, active: p.yesNo, metadata: p.metadata }),
})

const createShape = {
  currency: p.currency,
  ...p.optional({
    active: p.yesNo,
    billing_scheme: p.oneOf('per_unit', 'tiered'),
    custom_unit_amount: chosenAmount,
    lookup_key: p.text,
    metadata: p.metadata,
    nickname: p.text,
    product: p.text,
    product_data: productInput,
    recurring: recurringShape.extend(
      p.optional({ meter: p.text, usage_type: p.oneOf('licensed', 'metered') }),
    ),
    tax_behavior: p.oneOf('exclusive', 'inclusive', 'unspecified'),
    tiers: p.listOf(tier),
    tiers_mode: p.oneOf('graduated', 'volume'),
    unit_amount: p.whole,
    unit_amount_decimal: p.exactDecimal,
  } satisfies p.ShapeOf<Stripe.PriceCreateParams>),
}

const updateShape = {
  active: p.yesNo,
  lookup_key: p.clearable,
  metadata: p.metadata,
  nickname: p.clearable,
} satisfies p.ShapeOf<Stripe.PriceUpdateParams>

const listShape = {
  active: p.yesNo,
  created: p.range,
  currency: p.currency,
  lookup_keys: p.listOf(p.text),
  product: p.text,
  recurring: p.hash(p.optional({ interval: p.text, usage_type: p.text })),
  type: p.oneOf('one_time', 'recurring'),
} satisfies p.ShapeOf<Stripe.PriceListParams>

const prices = resource('price', '/v1/prices')

export const priceRoutes = [
  prices.create(createShape, (call) => {
    const { product_data: productInput, product: productId, ...input } = call.params
    if (productInput) {
      const product = makeProduct(call, productInput)
      call.emit('product.created', product)
      return makePrice(call, { ...input, product: product.id })
    }
    if (productId === undefined) throw missing('product')
    return makePrice(call, { ...input, product: mustFind(call, 'product', productId, 'product').id })
  }),
  prices.list(listShape, ({ lookup_keys: keys, recurring, ...equal }) => ({
    equal: {
      ...equal,
      'recurring.interval': recurring?.interval,
      'recurring.usage_type': recurring?.usage_type,
    },
    where: (price) => !keys || keys.includes(price.lookup_key ?? ''),
  })),
  prices.retrieve(),
  prices.update(updateShape, 'price.updated'),
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
