import { z } from 'zod'
import { cancelSubscription } from '../../billing/subscriptions/cancel.ts'
import { changePlan, PlanChange } from '../../billing/subscriptions/change-plan.ts'
import { createSubscription, NewSubscription, SubscriptionInput } from '../../billing/subscriptions/create.ts'
import { pauseSubscription } from '../../billing/subscriptions/pause.ts'
import { ChangePreview, previewChange } from '../../billing/subscriptions/preview-change.ts'
import { resumeSubscription } from '../../billing/subscriptions/resume.ts'
import type { AppContext } from '../../context.ts'
import { resourceId, tenantId } from '../../db/fields.ts'
import { Subscription, subscriptionOfTenant } from '../../views/subscriptions.ts'
import { route } from '../route.ts'

/** A tenant's one live subscription and what may be done with it. */
export const subscriptionRoutes = (context: AppContext) => [
  route(
    {
      method: 'post',
      path: '/billing/subscriptions',
      tag: 'Subscriptions',
      summary: 'Subscribe a tenant',
      description:
        'One live subscription per tenant. `client_secret` is there when the bank wants the customer to authenticate ' +
        'the first payment with Stripe.js; the subscription is `incomplete` until then.',
      allow: ['platform'],
      body: SubscriptionInput,
      reply: NewSubscription,
    },
    ({ by, body, clientKey }) => createSubscription(context, by, body, clientKey),
  ),
  route(
    {
      method: 'get',
      path: '/billing/subscriptions/tenant/{tenant_id}',
      tag: 'Subscriptions',
      summary: "The tenant's live subscription, or else its last one",
      allow: ['platform', 'tenant'],
      params: z.object({ tenant_id: tenantId }),
      reply: Subscription,
    },
    ({ params }) => subscriptionOfTenant(context.db.reader, params.tenant_id),
  ),
  route(
    {
      ...verb('change-plan', 'Move to another price'),
      body: PlanChange,
      reply: Subscription,
    },
    ({ by, params, body, clientKey }) => changePlan(context, by, params.id, { ...body, clientKey }),
  ),
  route(
    {
      ...verb('preview-change', 'What a move to another price would cost; changes nothing'),
      body: PlanChange,
      reply: ChangePreview,
    },
    ({ by, params, body }) => previewChange(context, by, params.id, body),
  ),
  route(
    {
      ...verb('cancel', 'End it with its period, or now'),
      body: z.strictObject({ at_period_end: z.boolean().default(true) }),
      isBodyOptional: true,
      reply: Subscription,
    },
    ({ by, params, body, clientKey }) =>
      cancelSubscription(context, by, params.id, { atPeriodEnd: body.at_period_end, clientKey }),
  ),
  route(
    {
      ...verb('resume', 'Take a cancellation or a pause back'),
      body: z.strictObject({}),
      isBodyOptional: true,
      reply: Subscription,
    },
    ({ by, params, clientKey }) => resumeSubscription(context, by, params.id, { clientKey }),
  ),
  route(
    {
      ...verb('pause', 'Collect nothing until it is resumed'),
      body: z.strictObject({}),
      isBodyOptional: true,
      reply: Subscription,
    },
    ({ by, params, clientKey }) => pauseSubscription(context, by, params.id, { clientKey }),
  ),
]

const verb = (name: string, summary: string) => ({
  method: 'post' as const,
  path: `/billing/subscriptions/{id}/${name}`,
  tag: 'Subscriptions',
  summary,
  allow: ['platform'] as const,
  params: z.object({ id: resourceId }),
})
