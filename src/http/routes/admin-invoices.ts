import { z } from 'zod'
import { PayableInvoice } from '../../billing/invoices/payable.ts'
import { retryInvoice } from '../../billing/invoices/retry.ts'
import type { AppContext } from '../../context.ts'
import { resourceId, text } from '../../db/fields.ts'
import { liftDispute } from '../../ops/lift-dispute.ts'
import { Invoice } from '../../views/invoices.ts'
import { route } from '../route.ts'

export const adminInvoiceRoutes = (context: AppContext) => [
  route(
    {
      method: 'post',
      path: '/admin/invoices/{id}/retry',
      tag: 'Operators',
      summary: 'Collect an open invoice now',
      description: 'As `POST /billing/invoices/{id}/retry`: a decline is 402, one that is not open is 409.',
      allow: [],
      params: z.object({ id: resourceId }),
      body: z.strictObject({ reason: text(500).optional() }),
      isBodyOptional: true,
      reply: PayableInvoice,
    },
    ({ by, params, body, clientKey }) => retryInvoice(context, by, params.id, { ...body, clientKey }),
  ),
  route(
    {
      method: 'post',
      path: '/admin/invoices/{id}/lift-dispute',
      tag: 'Operators',
      summary: 'Let a tenant in again although the dispute of this invoice was lost',
      description:
        'Where `BILLING_SUSPEND_ON_LOST_DISPUTE` is set. One of which none was lost is 409; again: the same answer.',
      allow: [],
      params: z.object({ id: resourceId }),
      body: z.strictObject({ reason: text(500).optional() }),
      isBodyOptional: true,
      reply: Invoice,
    },
    ({ by, params, body }) => liftDispute(context, by, params.id, body),
  ),
]
