import { InvalidRequest } from '../../errors.ts'
import { fixedAmountCents } from '../../projections/prices.ts'
import { planIdOf } from '../../projections/products.ts'
import { idOf } from '../../projections/read-value.ts'
import { askStripe } from '../../stripe/ask-stripe.ts'
import type { Observation, StripeGateway } from '../../stripe/gateway.ts'
import { usageProductId } from '../../stripe/usage-product.ts'

/** What a subscription to a price costs, as Stripe has it now. */
export type PriceTerms = {
  price_id: string
  product_id: string
  plan_id: string
  plan_name: string
  amount_cents: number
  currency: string
  billing_interval: string
  billing_interval_count: number
  /** The price and its product, for `takeIn`. */
  observations: Observation[]
}

/** @throws InvalidRequest on `price_id` for a price that cannot be subscribed to */
export async function resolvePrice(stripe: StripeGateway, priceId: string): Promise<PriceTerms> {
  const { observation: seenPrice } = await askStripe(
    () => stripe.fetch('price', priceId),
    () => refuse(`The price "${priceId}" does not exist.`),
  )
  const price = seenPrice.object
  if (seenPrice.isDeleted || !price.active) return refuse(`The price "${priceId}" is not offered any more.`)
  const productId = idOf(price.product) ?? ''
  if (productId === usageProductId) return refuse(`The price "${priceId}" is of no plan.`)
  if (price.recurring === null)
    return refuse(`The price "${priceId}" is paid once; a subscription needs one that recurs.`)
  const amountCents = fixedAmountCents(price)
  if (amountCents === null)
    return refuse(`The price "${priceId}" has no fixed amount for a period, so it cannot be chosen.`)

  const { observation: seenProduct } = await askStripe(
    () => stripe.fetch('product', productId),
    () => refuse(`The product of the price "${priceId}" does not exist any more.`),
  )
  const product = seenProduct.object
  if (seenProduct.isDeleted || !product.active)
    return refuse(`The product of the price "${priceId}" is not offered any more.`)
  return {
    price_id: price.id,
    product_id: product.id,
    plan_id: planIdOf(product),
    plan_name: product.name,
    amount_cents: amountCents,
    currency: price.currency,
    billing_interval: price.recurring.interval,
    billing_interval_count: price.recurring.interval_count,
    observations: [seenProduct, seenPrice],
  }
}

function refuse(message: string): never {
  throw new InvalidRequest([{ path: 'price_id', message }])
}
