import { z } from 'zod'
import { listPaymentMethods, PaymentMethod } from '../../billing/payment-methods.ts'
import type { AppContext } from '../../context.ts'
import { tenantId } from '../../db/fields.ts'
import { listOf, PageQuery } from '../../db/page.ts'
import { route } from '../route.ts'

export const paymentMethodRoutes = ({ db }: AppContext) => [
  route(
    {
      method: 'get',
      path: '/billing/payment-methods/tenant/{tenant_id}',
      tag: 'Payment methods',
      summary: "The payment methods that are attached to the tenant's customer, newest first",
      allow: ['platform', 'tenant'],
      params: z.object({ tenant_id: tenantId }),
      query: PageQuery,
      reply: listOf(PaymentMethod),
    },
    ({ params, query }) => listPaymentMethods(db.reader, params.tenant_id, query),
  ),
]
