import { flag, type Trx } from '../db/tables.ts'
import type { Sighting } from '../log/sighting.ts'
import type { StripeObjects } from '../stripe/object-types.ts'
import { nextRow } from './deletable.ts'
import { onStripeObject, type Projection } from './projection.ts'
import { textOf } from './read-value.ts'
import { saveRow } from './save-row.ts'

/** A product is a plan: its `metadata.plan_id`, else its name as a slug ("Pro Plan": `pro-plan`). */
export const products: Projection = {
  table: 'billing_products',
  primaryKey: 'product_id',
  on: onStripeObject(['product'], show),
}

async function show(trx: Trx, sighting: Sighting<'product'>): Promise<void> {
  const { object } = sighting
  const productId = textOf(object.id)
  if (productId === null) return
  const row = await trx
    .selectFrom('billing_products')
    .selectAll()
    .where('product_id', '=', productId)
    .executeTakeFirst()
  const name = textOf(object.name) ?? ''
  const next = nextRow(sighting, row, {
    product_id: productId,
    tenant_id: null,
    plan_id: planIdOf(object),
    name,
    description: textOf(object.description),
    is_active: flag(object.active),
  })
  if (next === undefined) return
  const is_active = next.is_deleted ? 0 : next.is_active
  await saveRow(trx, 'billing_products', 'product_id', { ...next, is_active })
}

/** The name by which the API calls a product's plan. */
export const planIdOf = ({ metadata, name }: StripeObjects['product']): string =>
  textOf(metadata?.plan_id) ?? slug(textOf(name) ?? '')

function slug(name: string): string {
  return name
    .normalize('NFKD')
    .toLowerCase()
    .replace(/\p{Mark}/gu, '')
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-|-$/g, '')
}
