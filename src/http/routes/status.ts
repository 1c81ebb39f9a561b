import { z } from 'zod'
import type { AppContext } from '../../context.ts'
import { tenantId } from '../../db/fields.ts'
import { TenantAccess, tenantAccess } from '../../views/access.ts'
import { BillingStatus, billingStatus } from '../../views/status.ts'
import { route } from '../route.ts'

/** The status is the one reply without an envelope. */
export const statusRoutes = (context: AppContext) => [
  route(
    {
      method: 'get',
      path: '/billing/status/tenant/{tenant_id}',
      tag: 'Status',
      summary: 'Where a tenant stands; works without Stripe',
      allow: ['platform', 'tenant'],
      params: z.object({ tenant_id: tenantId }),
      reply: BillingStatus,
      isBare: true,
    },
    async ({ params, c }) => c.json(await billingStatus(context, params.tenant_id)),
  ),
  route(
    {
      method: 'get',
      path: '/billing/access/tenant/{tenant_id}',
      tag: 'Status',
      summary: 'What a tenant may use, until when and why; works without Stripe',
      allow: ['platform', 'tenant'],
      params: z.object({ tenant_id: tenantId }),
      reply: TenantAccess,
    },
    ({ params }) => tenantAccess(context, params.tenant_id),
  ),
]
