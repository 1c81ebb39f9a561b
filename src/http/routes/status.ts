import { OpenAPIHono, z } from '@hono/zod-openapi'
import type { AppContext } from '../../context.ts'
import { cents, tenantId, timeOut } from '../../db/fields.ts'
import { billingStatus } from '../../views/status.ts'
import type { Env } from '../env.ts'
import { route } from '../route.ts'

/** The one reply without an envelope. */
export function statusRoutes(context: AppContext): OpenAPIHono<Env> {
  const app = new OpenAPIHono<Env>()
  app.openapi(show, async (c) => {
    return c.json(await billingStatus(context, c.req.valid('param').tenant_id), 200)
  })
  return app
}

/** Requests and replies, for the typed client. */
export type StatusApi = { show: typeof show }

export const billingStatusOut = z
  .object({
    tenant_id: z.string(),
    customer_id: z.string().nullable(),
    has_active_subscription: z.boolean(),
    subscription_status: z.string().nullable(),
    trial_ends_at: timeOut.nullable(),
    current_period_end: timeOut.nullable(),
    is_delinquent: z.boolean(),
    outstanding_balance_cents: cents,
    next_invoice_amount_cents: cents.nullable().meta({
      description: 'Plan after discount, platform base and unbilled usage; null: no next invoice',
    }),
    payment_method_configured: z.boolean(),
  })
  .meta({ id: 'BillingStatus' })

const show = route({
  method: 'get',
  path: '/billing/status/tenant/{tenant_id}',
  tag: 'Status',
  summary: 'Where a tenant stands; works without Stripe',
  allow: ['platform', 'tenant'],
  request: { params: z.object({ tenant_id: tenantId }) },
  response: billingStatusOut,
})
