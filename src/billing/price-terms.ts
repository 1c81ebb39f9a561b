import type Stripe from 'stripe'
import { InvalidRequest } from '../errors.ts'
import { planIdOf } from '../projections/products.ts'
import { idOf } from '../projections/read-value.ts'
import type { Observation, StripeGateway } from '../stripe/gateway.ts'
import { askStripe } from './ask-stripe.ts'

/** What a subscription to a price costs, as Stripe has it now. */
export type PriceTerms = {
  price_id: string
  product_id: string
  plan_id: string
  plan_name: string
  amount_cents: number
  currency: string
  billing_interval: string
  /** The price and its product, for `recordCatalogue`. */
  observations: Observation[]
}

/** @throws InvalidRequest on `price_id` for a price that cannot be subscribed to */
export async function resolvePrice(stripe: StripeGateway, priceId: string): Promise<PriceTerms> {
  const { observation: seenPrice } = await askStripe(
    () => stripe.fetch('price', priceId),
    () => refuse('is not a price of ours'),
  )
  const price = seenPrice.object as unknown as Stripe.Price
  if (seenPrice.isDeleted || !price.active) return refuse('is not sold any more')
  if (price.recurring === null) return refuse('is paid once: a subscription needs a recurring price')
  if (price.unit_amount === null || price.recurring.usage_type !== 'licensed')
    return refuse('has no fixed amount for a period')

  const productId = idOf(price.product) ?? ''
  const { observation: seenProduct } = await askStripe(
    () => stripe.fetch('product', productId),
    () => refuse('belongs to a product that is gone'),
  )
  const product = seenProduct.object as unknown as Stripe.Product
  if (seenProduct.isDeleted || !product.active)
    return refuse('belongs to a product that is not sold any more')
  return {
    price_id: price.id,
    product_id: product.id,
    plan_id: planIdOf(product),
    plan_name: product.name,
    amount_cents: price.unit_amount,
    currency: price.currency,
    billing_interval: price.recurring.interval,
    observations: [seenProduct, seenPrice],
  }
}

function refuse(message: string): never {
  throw new InvalidRequest([{ path: 'price_id', message }])
}
