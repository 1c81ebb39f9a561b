import { z } from 'zod'
import { listInvoices } from '../../billing/invoices/list.ts'
import { PayableInvoice, payablePage } from '../../billing/invoices/payable.ts'
import { Rebilling, rebillOwnInvoice } from '../../billing/invoices/rebill.ts'
import { retryInvoice } from '../../billing/invoices/retry.ts'
import { voidOwnInvoice } from '../../billing/invoices/void.ts'
import type { AppContext } from '../../context.ts'
import { resourceId, tenantId, text } from '../../db/fields.ts'
import { listOf, PageQuery } from '../../db/page.ts'
import { Invoice } from '../../views/invoices.ts'
import { route } from '../route.ts'

export const invoiceRoutes = (context: AppContext) => [
  route(
    {
      method: 'get',
      path: '/billing/invoices/tenant/{tenant_id}',
      tag: 'Invoices',
      summary: "The tenant's invoices, newest first, each with our lines and where its total went",
      description:
        'Of the newest five of a page that need authentication, `client_secret` is fetched from Stripe; the others have their `hosted_invoice_url`.',
      allow: ['platform', 'tenant'],
      params: z.object({ tenant_id: tenantId }),
      query: PageQuery,
      reply: listOf(PayableInvoice),
    },
    async ({ params, query }) => {
      const page = await listInvoices(context.db.reader, params.tenant_id, query)
      return { ...page, items: await payablePage(context, page.items) }
    },
  ),
  route(
    {
      ...verb('retry', 'Collect an open invoice now'),
      description:
        'A decline is 402, with its code; one that is not open is 409. Where the bank wants the customer, it stays open, with `needs_authentication` and a `client_secret`.',
      reply: PayableInvoice,
    },
    ({ by, params, body, clientKey }) => retryInvoice(context, by, params.id, { ...body, clientKey }),
  ),
  route(
    {
      ...verb('void', 'Let nobody owe an invoice any more'),
      description:
        'What it asked for is forgiven; `rebill` makes our lines of it due again. One that is over is 409.',
      reply: Invoice,
    },
    ({ by, params, body, clientKey }) => voidOwnInvoice(context, by, params.id, { ...body, clientKey }),
  ),
  route(
    {
      ...verb(
        'rebill',
        'Make our lines of a voided invoice, or what was edited off one at Stripe, due again',
      ),
      description: 'Once; where there is nothing to bring back: 409.',
      reply: Rebilling,
    },
    ({ by, params, body }) => rebillOwnInvoice(context, by, params.id, body),
  ),
]

const verb = (name: string, summary: string) => ({
  method: 'post' as const,
  path: `/billing/invoices/{id}/${name}`,
  tag: 'Invoices',
  summary,
  allow: ['platform'] as const,
  params: z.object({ id: resourceId }),
  body: z.strictObject({ reason: text(500).optional() }),
  isBodyOptional: true,
})
