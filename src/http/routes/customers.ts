import { OpenAPIHono, z } from '@hono/zod-openapi'
import { createCustomer } from '../../billing/create-customer.ts'
import type { AppContext } from '../../context.ts'
import { tenantId, text } from '../../db/fields.ts'
import { keyInMetadata } from '../../stripe/calls.ts'
import { Customer, customerOf } from '../../views/customer.ts'
import type { Env } from '../env.ts'
import { body, route } from '../route.ts'
import { envelope, success } from '../schemas.ts'
import { callerOf } from './onboarding.ts'

/** A tenant's one customer at Stripe. */
export function customerRoutes(context: AppContext): OpenAPIHono<Env> {
  const app = new OpenAPIHono<Env>()

  app.openapi(routes.create, async (c) => {
    const input = c.req.valid('json')
    return c.json(success(await createCustomer(context, callerOf(c), input, c.get('idempotencyKey'))), 200)
  })

  app.openapi(routes.show, async (c) => {
    const { tenant_id } = c.req.valid('param')
    return c.json(success(await customerOf(context.db.reader, tenant_id)), 200)
  })

  return app
}

/** As Stripe takes it, beside what we put there ourselves. */
const stripeMetadata = z
  .record(
    z
      .string()
      .max(40)
      .regex(/^[^[\]]+$/, 'must have no square brackets'),
    z.string().max(500),
  )
  .refine((value) => Object.keys(value).length <= 40, 'must have at most 40 fields')
  .refine(
    (value) => !['tenant_id', 'company_name', keyInMetadata].some((name) => name in value),
    `must leave tenant_id, company_name and ${keyInMetadata} to us`,
  )

/** Requests and replies, for the typed client. */
export type CustomersApi = typeof routes

const routes = {
  create: route({
    method: 'post',
    path: '/billing/customers',
    tag: 'Customers',
    summary: "Make the tenant's customer; again: the same one",
    description: 'A tenant becomes known by this, and its id may be any text of the pattern.',
    allow: ['platform'],
    request: {
      body: body(
        z.strictObject({
          tenant_id: z
            .string()
            .regex(/^[A-Za-z0-9_-]{1,128}$/, 'must be 1 to 128 letters, digits, _ and -')
            .meta({ example: 'Jeturing_123' }),
          email: z.email('must be an e-mail address').max(254),
          name: text(200),
          phone: z
            .string()
            .regex(/^\+?[0-9 ().-]{5,30}$/, 'must be a phone number: digits, with + before the country')
            .optional(),
          company_name: text(200).optional(),
          metadata: stripeMetadata.default({}),
        }),
      ),
    },
    response: envelope(Customer),
  }),
  show: route({
    method: 'get',
    path: '/billing/customers/tenant/{tenant_id}',
    tag: 'Customers',
    summary: "The tenant's customer",
    allow: ['platform', 'tenant'],
    request: { params: z.object({ tenant_id: tenantId }) },
    response: envelope(Customer),
  }),
}
