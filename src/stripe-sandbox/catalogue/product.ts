import type Stripe from 'stripe'
import { invalidRequest } from '../objects/errors.ts'
import { newId } from '../objects/ids.ts'
import type { Turn } from '../objects/turn.ts'

type ProductInput = {
  id?: string | undefined
  name: string
  active?: boolean | undefined
  description?: string | undefined
  images?: string[] | undefined
  metadata?: Record<string, string> | null | undefined
  statement_descriptor?: string | undefined
  tax_code?: string | undefined
  type?: 'good' | 'service' | undefined
  unit_label?: string | undefined
  url?: string | undefined
}

/** Saves a new product; telling of it is the caller's. @throws StripeFailure 400 for an id that is taken */
export function makeProduct(turn: Pick<Turn, 'store' | 'now'>, input: ProductInput): Stripe.Product {
  const id = input.id ?? newId('prod', 14)
  if (turn.store.find('product', id))
    throw invalidRequest(`Product already exists: ${id}`, { code: 'resource_already_exists', param: 'id' })
  return turn.store.save({
    id,
    object: 'product',
    active: input.active ?? true,
    created: turn.now,
    default_price: null,
    description: input.description ?? null,
    images: input.images ?? [],
    livemode: false,
    marketing_features: [],
    metadata: input.metadata ?? {},
    name: input.name,
    package_dimensions: null,
    shippable: null,
    statement_descriptor: input.statement_descriptor ?? null,
    tax_code: input.tax_code ?? null,
    tax_details: null,
    type: input.type ?? 'service',
    unit_label: input.unit_label ?? null,
    updated: turn.now,
    url: input.url ?? null,
  })
}
