import { OpenAPIHono, z } from '@hono/zod-openapi'
import { listInvoices } from '../../billing/invoices.ts'
import type { AppContext } from '../../context.ts'
import type { Env } from '../env.ts'
import { route } from '../route.ts'
import { cents, envelope, listOf, page, success, tenantId, timeOut } from '../schemas.ts'

export function invoiceRoutes(context: AppContext): OpenAPIHono<Env> {
  const app = new OpenAPIHono<Env>()
  app.openapi(list, async (c) => {
    const { tenant_id } = c.req.valid('param')
    return c.json(success(await listInvoices(context.db.reader, tenant_id, c.req.valid('query'))), 200)
  })
  return app
}

const invoice = z
  .object({
    invoice_id: z.string(),
    tenant_id: z.string(),
    customer_id: z.string(),
    subscription_id: z.string().nullable(),
    number: z.string().nullable(),
    status: z.string(),
    billing_reason: z.string().nullable(),
    currency: z.string(),
    total_cents: cents,
    amount_due_cents: cents,
    amount_paid_cents: cents,
    amount_remaining_cents: cents,
    attempt_count: z.int(),
    payment_failed_at: timeOut.nullable(),
    period_start: timeOut.nullable(),
    period_end: timeOut.nullable(),
    due_at: timeOut.nullable(),
    paid_at: timeOut.nullable(),
    hosted_invoice_url: z.string().nullable(),
    created_at: timeOut,
  })
  .openapi('Invoice')

/** Requests and replies, for the typed client. */
export type InvoicesApi = { list: typeof list }

const list = route({
  method: 'get',
  path: '/billing/invoices/tenant/{tenant_id}',
  tag: 'Invoices',
  summary: "The tenant's invoices, newest first",
  allow: ['platform', 'tenant'],
  request: { params: z.object({ tenant_id: tenantId }), query: page },
  response: envelope(listOf(invoice)),
})
