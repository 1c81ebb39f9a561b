import { OpenAPIHono, z } from '@hono/zod-openapi'
import { listPlans } from '../../billing/plans.ts'
import type { AppContext } from '../../context.ts'
import type { Env } from '../env.ts'
import { route } from '../route.ts'
import { cents, envelope, listOf, success } from '../schemas.ts'

/** What can be subscribed to. */
export function planRoutes(context: AppContext): OpenAPIHono<Env> {
  const app = new OpenAPIHono<Env>()
  app.openapi(list, async (c) => {
    return c.json(success({ items: await listPlans(context), next_cursor: null }), 200)
  })
  return app
}

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
      }),
    ),
  })
  .openapi('Plan')

const list = route({
  method: 'get',
  path: '/billing/plans',
  tag: 'Plans',
  summary: 'Plans and their prices, cheapest first, all in one page',
  allow: ['platform', 'tenant', 'session'],
  request: {},
  response: envelope(listOf(plan)),
})
