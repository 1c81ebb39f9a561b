import { z } from 'zod'
import { listPaymentMethods, PaymentMethod } from '../../billing/payment-methods.ts'
import { openPortal, PortalSession } from '../../billing/portal.ts'
import { CardSetup, setUpCard, WayBack } from '../../billing/set-up-card.ts'
import type { AppContext } from '../../context.ts'
import { tenantId } from '../../db/fields.ts'
import { listOf, PageQuery } from '../../db/page.ts'
import { route } from '../route.ts'

export const paymentMethodRoutes = (context: AppContext) => [
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
    ({ params, query }) => listPaymentMethods(context.db.reader, params.tenant_id, query, context.now()),
  ),
  route(
    {
      method: 'post',
      path: '/billing/payment-methods/setup',
      tag: 'Payment methods',
      summary: 'Get a SetupIntent for Stripe.js to confirm another card of a paying tenant with',
      description:
        'Once it is confirmed, the card becomes the default of the customer and of the live subscription, and pays what is open ' +
        'and collected automatically. 409 without a customer.',
      allow: ['platform'],
      body: WayBack,
      reply: CardSetup,
    },
    ({ by, body, clientKey }) => setUpCard(context, by, body, clientKey),
  ),
  route(
    {
      method: 'post',
      path: '/billing/portal',
      tag: 'Payment methods',
      summary: 'Open Stripe’s customer portal for a tenant: cards, details, invoices',
      description:
        'Whoever has the address is the customer, for a few minutes. It is kept nowhere: each request gets another one. 409 ' +
        'without a customer.',
      allow: ['platform'],
      body: WayBack,
      reply: PortalSession,
    },
    ({ body }) => openPortal(context, body),
  ),
]
