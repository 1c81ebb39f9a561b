import { OpenAPIHono, z } from '@hono/zod-openapi'
import { cancelSubscription } from '../../billing/subscriptions/cancel.ts'
import { changePlan } from '../../billing/subscriptions/change-plan.ts'
import { createSubscription } from '../../billing/subscriptions/create.ts'
import { pauseSubscription } from '../../billing/subscriptions/pause.ts'
import { previewChange } from '../../billing/subscriptions/preview-change.ts'
import { resumeSubscription } from '../../billing/subscriptions/resume.ts'
import type { AppContext } from '../../context.ts'
import { cents, resourceId, tenantId, text, timeOut } from '../../db/fields.ts'
import { Subscription, subscriptionOfTenant } from '../../views/subscriptions.ts'
import type { Env } from '../env.ts'
import { body, optionalBody, route } from '../route.ts'
import { envelope, success } from '../schemas.ts'
import { callerOf } from './onboarding.ts'

/** A tenant's one live subscription and what may be done with it. */
export function subscriptionRoutes(context: AppContext): OpenAPIHono<Env> {
  const app = new OpenAPIHono<Env>()

  app.openapi(routes.create, async (c) => {
    const { subscription, clientSecret } = await createSubscription(
      context,
      callerOf(c),
      c.req.valid('json'),
      c.get('idempotencyKey'),
    )
    return c.json(
      success({
        ...subscription,
        ...(clientSecret === null ? {} : { client_secret: clientSecret, requires_action: true }),
      }),
      200,
    )
  })

  app.openapi(routes.show, async (c) => {
    const { tenant_id } = c.req.valid('param')
    return c.json(success(await subscriptionOfTenant(context.db.reader, tenant_id)), 200)
  })

  app.openapi(routes.changePlan, async (c) => {
    const change = { ...c.req.valid('json'), clientKey: c.get('idempotencyKey') }
    return c.json(success(await changePlan(context, callerOf(c), c.req.valid('param').id, change)), 200)
  })

  app.openapi(routes.previewChange, async (c) => {
    const { id } = c.req.valid('param')
    return c.json(success(await previewChange(context, callerOf(c), id, c.req.valid('json'))), 200)
  })

  app.openapi(routes.cancel, async (c) => {
    const how = { atPeriodEnd: c.req.valid('json').at_period_end, clientKey: c.get('idempotencyKey') }
    return c.json(success(await cancelSubscription(context, callerOf(c), c.req.valid('param').id, how)), 200)
  })

  app.openapi(routes.resume, async (c) => {
    const how = { clientKey: c.get('idempotencyKey') }
    return c.json(success(await resumeSubscription(context, callerOf(c), c.req.valid('param').id, how)), 200)
  })

  app.openapi(routes.pause, async (c) => {
    const how = { clientKey: c.get('idempotencyKey') }
    return c.json(success(await pauseSubscription(context, callerOf(c), c.req.valid('param').id, how)), 200)
  })

  return app
}

const created = Subscription.and(
  z.object({
    client_secret: z.string().optional().meta({ description: 'Where the bank wants authentication' }),
    requires_action: z.boolean().optional(),
  }),
)

const preview = z.object({
  subscription_id: z.string(),
  price_id: z.string(),
  plan_id: z.string(),
  currency: z.string(),
  amount_due_cents: cents,
  subtotal_cents: cents,
  discount_cents: cents,
  proration_cents: cents,
  recurring_amount_cents: cents,
  billing_interval: z.string(),
  billing_interval_count: z.int(),
  lines: z.array(
    z.object({
      description: z.string().nullable(),
      amount_cents: cents,
      quantity: z.number().nullable(),
      is_proration: z.boolean(),
      period_start: timeOut,
      period_end: timeOut,
    }),
  ),
})

const planChange = z.strictObject({
  price_id: resourceId,
  proration_behavior: z.enum(['create_prorations', 'always_invoice', 'none']).default('create_prorations'),
})

const verb = <const P extends string, B extends ReturnType<typeof body>, S extends z.ZodType>(
  path: P,
  summary: string,
  request: B,
  data: S,
) =>
  route({
    method: 'post',
    path,
    tag: 'Subscriptions',
    summary,
    allow: ['platform'],
    request: { params: z.object({ id: resourceId }), body: request },
    response: envelope(data),
  })

/** Requests and replies, for the typed client. */
export type SubscriptionsApi = typeof routes

const routes = {
  create: route({
    method: 'post',
    path: '/billing/subscriptions',
    tag: 'Subscriptions',
    summary: 'Subscribe a tenant',
    description:
      'One live subscription per tenant. `client_secret` is there when the bank wants the customer to authenticate ' +
      'the first payment with Stripe.js; the subscription is `incomplete` until then.',
    allow: ['platform'],
    request: {
      body: body(
        z.strictObject({
          tenant_id: tenantId,
          customer_id: resourceId,
          price_id: resourceId,
          trial_period_days: z.int().min(0).max(730).optional(),
          discount_code: text(128).optional(),
          payment_method_id: resourceId.optional(),
        }),
      ),
    },
    response: envelope(created),
  }),
  show: route({
    method: 'get',
    path: '/billing/subscriptions/tenant/{tenant_id}',
    tag: 'Subscriptions',
    summary: "The tenant's live subscription, or else its last one",
    allow: ['platform', 'tenant'],
    request: { params: z.object({ tenant_id: tenantId }) },
    response: envelope(Subscription),
  }),
  changePlan: verb(
    '/billing/subscriptions/{id}/change-plan',
    'Move to another price',
    body(planChange),
    Subscription,
  ),
  previewChange: verb(
    '/billing/subscriptions/{id}/preview-change',
    'What a move to another price would cost; changes nothing',
    body(planChange),
    preview,
  ),
  cancel: verb(
    '/billing/subscriptions/{id}/cancel',
    'End it with its period, or now',
    // Without a default here: of a body that is left out, the schema sees nothing.
    optionalBody(z.strictObject({ at_period_end: z.boolean().default(true) })),
    Subscription,
  ),
  resume: verb(
    '/billing/subscriptions/{id}/resume',
    'Take a cancellation or a pause back',
    optionalBody(z.strictObject({})),
    Subscription,
  ),
  pause: verb(
    '/billing/subscriptions/{id}/pause',
    'Collect nothing until it is resumed',
    optionalBody(z.strictObject({})),
    Subscription,
  ),
}
