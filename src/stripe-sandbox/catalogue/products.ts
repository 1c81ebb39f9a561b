import type Stripe from 'stripe'
import { invalidRequest } from '../objects/errors.ts'
import { listPage } from '../objects/lists.ts'
import {
  clearable,
  currency,
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
import { change, mustFind } from '../objects/turn.ts'
import { makePrice, recurringShape } from './prices.ts'
import { makeProduct } from './product.ts'

const createShape = {
  id: text.optional(),
  name: text,
  active: yesNo.optional(),
  description: text.optional(),
  images: listOf(text).optional(),
  metadata: metadata.optional(),
  default_price_data: hash({ currency, unit_amount: whole, recurring: recurringShape.optional() }).optional(),
  statement_descriptor: text.optional(),
  tax_code: text.optional(),
  type: oneOf('good', 'service').optional(),
  unit_label: text.optional(),
  url: text.optional(),
} satisfies ShapeOf<Stripe.ProductCreateParams>

const updateShape = {
  name: text.optional(),
  active: yesNo.optional(),
  default_price: text.optional(),
  description: clearable.optional(),
  images: listOf(text).optional(),
  metadata: metadata.optional(),
  statement_descriptor: text.optional(),
  unit_label: clearable.optional(),
  url: clearable.optional(),
} satisfies ShapeOf<Stripe.ProductUpdateParams>

const listShape = {
  ...pagination,
  active: yesNo.optional(),
  created: range.optional(),
  ids: listOf(text).optional(),
  type: text.optional(),
  url: text.optional(),
} satisfies ShapeOf<Stripe.ProductListParams>

export const productRoutes = [
  route('POST /v1/products', createShape, (call) => {
    const { default_price_data: priceInput, ...input } = call.params
    const product = makeProduct(call, input)
    call.emit('product.created', product)
    if (!priceInput) return product
    const price = makePrice(call, { ...priceInput, product: product.id })
    return change(call, 'product.updated', product, { ...product, default_price: price.id })
  }),
  route('GET /v1/products', listShape, (call) => {
    const { active, ids, type, url } = call.params
    return listPage(call, 'product', '/v1/products', call.params, {
      equal: { active, type, url },
      where: (product) => !ids || ids.includes(product.id),
    })
  }),
  route('GET /v1/products/:id', {}, (call) => mustFind(call, 'product', call.id)),
  route('POST /v1/products/:id', updateShape, (call) => {
    const product = mustFind(call, 'product', call.id)
    const { metadata: given, ...fields } = call.params
    if (fields.default_price !== undefined) mustFind(call, 'price', fields.default_price, 'default_price')
    const present = Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined))
    return change(call, 'product.updated', product, {
      ...product,
      ...present,
      metadata: mergeMetadata(product.metadata, given),
      updated: call.now,
    })
  }),
  route('DELETE /v1/products/:id', {}, (call) => {
    const product = mustFind(call, 'product', call.id)
    if (call.store.list('price', { equal: { product: product.id }, limit: 1 }).data.length > 0)
      throw invalidRequest('This product cannot be deleted because it has one or more user-created prices.')
    const stub = { id: product.id, object: 'product', deleted: true } satisfies Stripe.DeletedProduct
    call.store.remove(product, stub)
    call.emit('product.deleted', product)
    return stub
  }),
]
