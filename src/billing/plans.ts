import type { NotNull } from 'kysely'
import { z } from 'zod'
import type { AppContext } from '../context.ts'
import { cents } from '../db/fields.ts'
import { badCursor, type Page, type PageQuery } from '../db/page.ts'
import type { Reader } from '../db/tables.ts'
import { syncCatalogue } from '../inbox/catalogue/sync-catalogue.ts'
import { Due, type Order } from '../pricing/due.ts'
import { duesNow } from '../pricing/due-terms.ts'
import { usageProductId } from '../stripe/usage-product.ts'

export const Plan = z
  .object({
    plan_id: z.string(),
    product_id: z.string(),
    name: z.string(),
    description: z.string().nullable(),
    /** Cheapest first; what is due, without a discount. */
    prices: z.array(
      z.object({
        price_id: z.string(),
        amount_cents: cents,
        currency: z.string(),
        billing_interval: z.string(),
        interval_count: z.int(),
        due: Due,
      }),
    ),
  })
  .meta({ id: 'Plan' })
export type Plan = z.infer<typeof Plan>

/**
 * What can be subscribed to: active products with an active price of one amount each period, by their lowest price.
 * @throws InvalidRequest on `cursor`
 */
export async function listPlans(context: AppContext, { limit, cursor }: PageQuery): Promise<Page<Plan>> {
  const { reader } = context.db
  const dueOfOrder = await duesNow(context)
  let plans = await readPlans(reader, dueOfOrder)
  // Before the first sync there is nothing to show, and that would not be true.
  if (plans.length === 0 && context.stripe !== undefined) {
    await syncCatalogue(context)
    plans = await readPlans(reader, dueOfOrder)
  }
  const start = cursor === undefined ? 0 : plans.findIndex(({ product_id }) => product_id === cursor) + 1
  if (cursor !== undefined && start === 0) throw badCursor()
  const items = plans.slice(start, start + limit)
  const hasMore = start + limit < plans.length
  return { items, next_cursor: hasMore ? (items.at(-1)?.product_id ?? null) : null }
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
    .where('product.product_id', '!=', usageProductId)
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
