import { OpenAPIHono, z } from '@hono/zod-openapi'
import type { AppContext } from '../../context.ts'
import { cents, tableRow, tenantId, text, timeOut } from '../../db/fields.ts'
import { listOf, PageQuery } from '../../db/page.ts'
import { erase } from '../../ops/erase.ts'
import { SessionListing } from '../../ops/sessions.ts'
import { listTenants, showTenant, TenantListing } from '../../ops/tenants.ts'
import type { Env } from '../env.ts'
import { body, route } from '../route.ts'
import { envelope, success } from '../schemas.ts'
import { pricedLine } from './admin-schemas.ts'
import { callerOf } from './onboarding.ts'
import { billingStatusOut } from './status.ts'

export function adminTenantRoutes(context: AppContext): OpenAPIHono<Env> {
  const app = new OpenAPIHono<Env>()

  app.openapi(list, async (c) => {
    const { query, ...pageQuery } = c.req.valid('query')
    return c.json(success(await listTenants(context.db.reader, query, pageQuery)), 200)
  })

  app.openapi(show, async (c) => {
    return c.json(success(await showTenant(context, c.req.valid('param').tenant_id)), 200)
  })

  app.openapi(eraseOne, async (c) => {
    const { forgive, keep_stripe: keepStripe } = c.req.valid('json')
    const wanted = { tenantId: c.req.valid('param').tenant_id, forgive, keepStripe }
    return c.json(success(await erase(context, callerOf(c), wanted)), 200)
  })

  return app
}

const list = route({
  method: 'get',
  path: '/admin/tenants',
  tag: 'Operators',
  summary: 'Tenants, newest first',
  allow: [],
  request: {
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
  },
  response: envelope(listOf(TenantListing)),
})

const show = route({
  method: 'get',
  path: '/admin/tenants/{tenant_id}',
  tag: 'Operators',
  summary: 'All that is known of a tenant: the rows as they stand in the tables',
  allow: [],
  request: { params: z.object({ tenant_id: tenantId }) },
  response: envelope(
    z.object({
      tenant_id: z.string(),
      person: tableRow.nullable(),
      erased_at: timeOut.nullable(),
      status: billingStatusOut,
      customer: tableRow.nullable(),
      sessions: z.array(SessionListing),
      subscriptions: z.array(tableRow),
      invoices: z.array(tableRow),
      payment_methods: z.array(tableRow),
      usage: z
        .array(
          pricedLine.extend({
            day: z.string().meta({ format: 'date' }),
            amount_cents: cents.nullable().meta({ description: 'null: a level is priced once a month' }),
          }),
        )
        .meta({ description: 'Of the last 35 days; amounts are rounded per day, unlike an invoice’s' }),
      month: z
        .object({ start: timeOut, lines: z.array(pricedLine) })
        .meta({ description: 'This month so far, UTC, as the usage’s summary prices it' }),
      unbilled: z.object({ lines: z.array(pricedLine), amount_cents: cents }),
    }),
  ),
})

const eraseOne = route({
  method: 'post',
  path: '/admin/tenants/{tenant_id}/erase',
  tag: 'Operators',
  summary: "Make a tenant's personal data unreadable for ever",
  description:
    'Amounts and states stay. Refused (409, with what stands in the way) while the tenant is subscribed, something is due, an invoice is not settled or a call to Stripe is under way. Again: the same answer.',
  allow: [],
  request: {
    params: z.object({ tenant_id: tenantId }),
    body: body(
      z.strictObject({
        forgive: z.boolean().default(false).meta({
          description: 'Write off first what is due: usage on no invoice, drafts, open invoices',
        }),
        keep_stripe: z
          .boolean()
          .default(false)
          .meta({ description: 'Leave the customer at Stripe, which is deleted otherwise' }),
      }),
    ),
  },
  response: envelope(
    z.object({
      tenant_id: z.string(),
      erased_at: timeOut,
      keeps_stripe: z.boolean(),
      is_scrubbed: z.boolean().meta({
        description:
          'False: a long read keeps old pages of the database alive; the same request again wipes them',
      }),
    }),
  ),
})
