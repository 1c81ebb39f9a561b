import { z } from 'zod'
import type { AppContext } from '../../context.ts'
import { tenantId, text } from '../../db/fields.ts'
import { listOf, PageQuery } from '../../db/page.ts'
import { Delinquent, listDelinquents } from '../../ops/delinquents.ts'
import { Erasure, erase } from '../../ops/erase.ts'
import { listTenants, showTenant, TenantListing, TenantView } from '../../ops/tenants.ts'
import { route } from '../route.ts'

export const adminTenantRoutes = (context: AppContext) => [
  route(
    {
      method: 'get',
      path: '/admin/tenants',
      tag: 'Operators',
      summary: 'Tenants, newest first',
      allow: [],
      query: PageQuery.extend({
        query: text(200)
          .optional()
          .meta({
            param: {
              description:
                "Part of the id, the e-mail, name or company, or an invoice's number; or the beginning of the id of a session, or of the customer, subscription or invoice at Stripe",
            },
          }),
      }),
      reply: listOf(TenantListing),
    },
    ({ query: { query, ...page } }) => listTenants(context.db.reader, query, page),
  ),
  // Before the tenant of that name, whom nobody has.
  route(
    {
      method: 'get',
      path: '/admin/tenants/delinquent',
      tag: 'Operators',
      summary: 'Tenants whose payments fail, the latest to begin first',
      allow: [],
      query: PageQuery,
      reply: listOf(Delinquent),
    },
    ({ query }) =>
      listDelinquents(context.db.reader, query, {
        now: context.now(),
        accessRules: context.config.accessRules,
      }),
  ),
  route(
    {
      method: 'get',
      path: '/admin/tenants/{tenant_id}',
      tag: 'Operators',
      summary: 'All that is known of a tenant: the rows as they stand in the tables',
      allow: [],
      params: z.object({ tenant_id: tenantId }),
      reply: TenantView,
    },
    ({ params }) => showTenant(context, params.tenant_id),
  ),
  route(
    {
      method: 'post',
      path: '/admin/tenants/{tenant_id}/erase',
      tag: 'Operators',
      summary: "Make a tenant's personal data unreadable for ever",
      description:
        'Amounts and states stay. Refused (409, with what stands in the way) while the tenant is subscribed, something is due, an invoice is not settled or a call to Stripe is under way. Again: the same answer.',
      allow: [],
      params: z.object({ tenant_id: tenantId }),
      body: z.strictObject({
        forgive: z.boolean().default(false).meta({
          description: 'Write off first what is due: usage on no invoice, drafts, open invoices',
        }),
        keep_stripe: z
          .boolean()
          .default(false)
          .meta({ description: 'Leave the customer at Stripe, which is deleted otherwise' }),
      }),
      reply: Erasure,
    },
    ({ by, params: { tenant_id: tenantId }, body: { forgive, keep_stripe: keepStripe } }) =>
      erase(context, by, { tenantId, forgive, keepStripe }),
  ),
]
