import type { NotNull } from 'kysely'
import type { AppContext } from '../context.ts'
import type { Reader } from '../db/tables.ts'
import { syncCatalogue } from '../inbox/catalogue/catalogue.ts'
import type { Due, Order } from '../pricing/due.ts'
import { duesNow } from '../pricing/due-terms.ts'

export type Plan = {
  plan_id: string
  product_id: string
  name: string
  description: string | null
  /** Cheapest first. */
  prices: {
    price_id: string
    amount_cents: number
    currency: string
    billing_interval: string
    interval_count: number
    /** Without a discount. */
    due: Due
  }[]
}

/** What can be subscribed to: active products with an active price of one amount each period, by their lowest price. */
export async function listPlans(context: AppContext): Promise<Plan[]> {
  const { reader } = context.db
  const dueOfOrder = await duesNow(context)
  const plans = await readPlans(reader, dueOfOrder)
  // Before the first sync there is nothing to show, and that would not be true.
  if (plans.length > 0 || context.stripe === undefined) return plans
  await syncCatalogue(context)
  return readPlans(reader, dueOfOrder)
}

async function readPlans(reader: Reader, dueOfOrder: (order: Order) => Due): Promise<Plan[]> {
  const rows = await reader
    .selectFrom('billing_prices as price')
    .innerJoin('billing_products as product', 'product.product_id', 'price.product_id')
    .select([
      'product.plan_id',
      'product.product_id',
      'product.name',
      'product.description',
      'price.price_id',
      'price.amount_cents',
      'price.currency',
      'price.billing_interval',
      'price.interval_count',
    ])
    .where('product.is_active', '=', 1)
    .where('price.is_active', '=', 1)
    .where('price.billing_interval', 'is not', null)
    .where('price.amount_cents', 'is not', null)
    .$narrowType<{ amount_cents: NotNull; billing_interval: NotNull }>()
    .orderBy('price.amount_cents')
    .orderBy('price.price_id')
    .execute()
  // Groups stand in the order of their first rows.
  return [...Map.groupBy(rows, (row) => row.product_id)].flatMap(([product_id, [first, ...rest]]) =>
    first === undefined
      ? []
      : [
          {
            plan_id: first.plan_id,
            product_id,
            name: first.name,
            description: first.description,
            prices: [first, ...rest].map(
              ({ price_id, amount_cents, currency, billing_interval, interval_count }) => {
                const price = {
                  amount_cents,
                  currency,
                  billing_interval,
                  interval_count: interval_count ?? 1,
                }
                return { price_id, ...price, due: dueOfOrder({ ...price, discount: null }) }
              },
            ),
          },
        ],
  )
}
