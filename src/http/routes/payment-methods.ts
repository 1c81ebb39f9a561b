import { OpenAPIHono, z } from '@hono/zod-openapi'
import { listPaymentMethods } from '../../billing/payment-methods.ts'
import type { AppContext } from '../../context.ts'
import type { Env } from '../env.ts'
import { route } from '../route.ts'
import { envelope, listOf, page, success, tenantId, timeOut } from '../schemas.ts'

export function paymentMethodRoutes(context: AppContext): OpenAPIHono<Env> {
  const app = new OpenAPIHono<Env>()
  app.openapi(list, async (c) => {
    const { tenant_id } = c.req.valid('param')
    return c.json(success(await listPaymentMethods(context.db.reader, tenant_id, c.req.valid('query'))), 200)
  })
  return app
}

const paymentMethod = z
  .object({
    payment_method_id: z.string(),
    tenant_id: z.string(),
    customer_id: z.string(),
    type: z.string(),
    brand: z.string().nullable(),
    last4: z.string().nullable(),
    exp_month: z.int().nullable(),
    exp_year: z.int().nullable(),
    is_default: z.boolean(),
    created_at: timeOut,
  })
  .openapi('PaymentMethod')

/** Requests and replies, for the typed client. */
export type PaymentMethodsApi = { list: typeof list }

const list = route({
  method: 'get',
  path: '/billing/payment-methods/tenant/{tenant_id}',
  tag: 'Payment methods',
  summary: "The payment methods that are attached to the tenant's customer, newest first",
  allow: ['platform', 'tenant'],
  request: { params: z.object({ tenant_id: tenantId }), query: page },
  response: envelope(listOf(paymentMethod)),
})
