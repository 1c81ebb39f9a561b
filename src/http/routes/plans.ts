import { OpenAPIHono, z } from '@hono/zod-openapi'
import { listPlans } from '../../billing/plans.ts'
import type { AppContext } from '../../context.ts'
import { cents } from '../../db/fields.ts'
import { listOf, PageQuery } from '../../db/page.ts'
import { InvalidRequest } from '../../errors.ts'
import { usageTypes } from '../../log/facts.ts'
import type { Env } from '../env.ts'
import { route } from '../route.ts'
import { envelope, success } from '../schemas.ts'

/** What can be subscribed to. */
export function planRoutes(context: AppContext): OpenAPIHono<Env> {
  const app = new OpenAPIHono<Env>()
  app.openapi(list, async (c) => {
    const { limit, cursor } = c.req.valid('query')
    const plans = await listPlans(context)
    const start = cursor === undefined ? 0 : plans.findIndex(({ product_id }) => product_id === cursor) + 1
    if (cursor !== undefined && start === 0)
      throw new InvalidRequest([{ path: 'cursor', message: 'must be the next_cursor of an earlier page' }])
    const items = plans.slice(start, start + limit)
    const next_cursor = start + limit < plans.length ? (items.at(-1)?.product_id ?? null) : null
    return c.json(success({ items, next_cursor }), 200)
  })
  return app
}

/** All that a subscription to a price will be charged. */
export const due = z
  .object({
    currency: z.string(),
    billing_interval: z.string(),
    interval_count: z.int(),
    trial_days: z.int(),
    today_cents: cents.meta({ description: 'When the subscription starts; 0 where a trial comes first' }),
    invoices: z
      .array(
        z.object({
          count: z.int().nullable(),
          plan_cents: cents,
          platform_base_cents: cents,
          total_cents: cents,
        }),
      )
      .meta({
        description:
          'Runs of `count` invoices in a row, before usage; null: all that follow. The first one is due today or at ' +
          "the trial's end, then one each period",
      }),
    usage_rates: z.array(z.object({ usage_type: z.enum(usageTypes), rate_cents: cents, per_units: z.int() })),
  })
  .meta({ id: 'Due' })

const plan = z
  .object({
    plan_id: z.string(),
    product_id: z.string(),
    name: z.string(),
    description: z.string().nullable(),
    prices: z.array(
      z.object({
        price_id: z.string(),
        amount_cents: cents,
        currency: z.string(),
        billing_interval: z.string(),
        interval_count: z.int(),
        due,
      }),
    ),
  })
  .meta({ id: 'Plan' })

/** Requests and replies, for the typed client. */
export type PlansApi = { list: typeof list }

const list = route({
  method: 'get',
  path: '/billing/plans',
  tag: 'Plans',
  summary: 'Plans and their prices, cheapest first',
  allow: ['platform', 'tenant', 'session'],
  request: { query: PageQuery },
  response: envelope(listOf(plan)),
})
