import { OpenAPIHono, z } from '@hono/zod-openapi'
import { listPaymentMethods, PaymentMethod } from '../../billing/payment-methods.ts'
import type { AppContext } from '../../context.ts'
import { tenantId } from '../../db/fields.ts'
import { listOf, PageQuery } from '../../db/page.ts'
import type { Env } from '../env.ts'
import { route } from '../route.ts'
import { envelope, success } from '../schemas.ts'

export function paymentMethodRoutes(context: AppContext): OpenAPIHono<Env> {
  const app = new OpenAPIHono<Env>()
  app.openapi(list, async (c) => {
    const { tenant_id } = c.req.valid('param')
    return c.json(success(await listPaymentMethods(context.db.reader, tenant_id, c.req.valid('query'))), 200)
  })
  return app
}

/** Requests and replies, for the typed client. */
export type PaymentMethodsApi = { list: typeof list }

const list = route({
  method: 'get',
  path: '/billing/payment-methods/tenant/{tenant_id}',
  tag: 'Payment methods',
  summary: "The payment methods that are attached to the tenant's customer, newest first",
  allow: ['platform', 'tenant'],
  request: { params: z.object({ tenant_id: tenantId }), query: PageQuery },
  response: envelope(listOf(PaymentMethod)),
})
