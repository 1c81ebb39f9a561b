import type Stripe from 'stripe'
import { invalidRequest } from '../objects/errors.ts'
import * as p from '../objects/parameters.ts'
import { resource } from '../objects/resource.ts'
import { change, mustFind } from '../objects/turn.ts'
import { makePrice, recurringShape } from './prices.ts'
import { makeProduct } from './product.ts'

const createShape = {
  name: p.text,
  ...p.optional({
    id: p.text,
    active: p.yesNo,
    description: p.text,
    images: p.listOf(p.text),
    metadata: p.metadata,
    default_price_data: p.hash({
      currency: p.currency,
      unit_amount: p.whole,
      recurring: recurringShape.optional(),
    }),
    statement_descriptor: p.text,
    tax_code: p.text,
    type: p.oneOf('good', 'service'),
    unit_label: p.text,
    url: p.text,
  } satisfies p.ShapeOf<Stripe.ProductCreateParams>),
}

const updateShape = {
  name: p.text,
  active: p.yesNo,
  default_price: p.text,
  description: p.clearable,
  images: p.listOf(p.text),
  metadata: p.metadata,
  statement_descriptor: p.text,
  unit_label: p.clearable,
  url: p.clearable,
} satisfies p.ShapeOf<Stripe.ProductUpdateParams>

const listShape = {
  active: p.yesNo,
  created: p.range,
  ids: p.listOf(p.text),
  type: p.text,
  url: p.text,
} satisfies p.ShapeOf<Stripe.ProductListParams>

const products = resource('product', '/v1/products')

export const productRoutes = [
  products.create(createShape, (call) => {
    const { default_price_data: priceInput, ...input } = call.params
    const product = makeProduct(call, input)
    call.emit('product.created', product)
    if (!priceInput) return product
    const price = makePrice(call, { ...priceInput, product: product.id })
    return change(call, 'product.updated', product, { ...product, default_price: price.id })
  }),
  products.list(listShape, ({ ids, ...equal }) => ({
    equal,
    where: (product) => !ids || ids.includes(product.id),
  })),
  products.retrieve(),
  products.update(updateShape, 'product.updated', (call) => {
    const { default_price: price } = call.params
    if (price !== undefined) mustFind(call, 'price', price, 'default_price')
    return { ...call.params, updated: call.now }
  }),
  products.remove('product.deleted', (turn, product) => {
    if (turn.store.list('price', { equal: { product: product.id }, limit: 1 }).data.length > 0)
      throw invalidRequest('This product cannot be deleted because it has one or more user-created prices.')
  }),
]
