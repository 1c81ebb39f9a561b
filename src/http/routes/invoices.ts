import { z } from 'zod'
import { listInvoices } from '../../billing/invoices/list.ts'
import type { AppContext } from '../../context.ts'
import { tenantId } from '../../db/fields.ts'
import { listOf, PageQuery } from '../../db/page.ts'
import { Invoice } from '../../views/invoices.ts'
import { route } from '../route.ts'

export const invoiceRoutes = ({ db }: AppContext) => [
  route(
    {
      method: 'get',
      path: '/billing/invoices/tenant/{tenant_id}',
      tag: 'Invoices',
      summary: "The tenant's invoices, newest first, each with our lines and where its total went",
      allow: ['platform', 'tenant'],
      params: z.object({ tenant_id: tenantId }),
      query: PageQuery,
      reply: listOf(Invoice),
    },
    ({ params, query }) => listInvoices(db.reader, params.tenant_id, query),
  ),
]
