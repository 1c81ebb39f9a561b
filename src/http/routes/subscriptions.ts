import { z } from 'zod'
import { Cancellation, cancellation } from '../../billing/subscriptions/cancel.ts'
import { PlanChange, planChange } from '../../billing/subscriptions/change-plan.ts'
import { ChangePreview } from '../../billing/subscriptions/change-preview.ts'
import { createSubscription, NewSubscription, SubscriptionInput } from '../../billing/subscriptions/create.ts'
import { modify } from '../../billing/subscriptions/modify.ts'
import { pause } from '../../billing/subscriptions/pause.ts'
import { ChangeToPreview, previewChange } from '../../billing/subscriptions/preview-change.ts'
import { resumption } from '../../billing/subscriptions/resume.ts'
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
    async ({ by, params, body, clientKey }) =>
      modify(context, by, params.id, await planChange(context, body), clientKey),
  ),
  route(
    {
      ...verb('preview-change', 'What a change would cost; changes nothing'),
      description:
        '`change`: `plan` (by default; with what change-plan takes), `cancel` (with `at_period_end`), `resume` or `pause`. It is refused ' +
        'where the change itself would be. The amounts are those of a change at this moment.',
      body: ChangeToPreview,
      reply: ChangePreview,
    },
    ({ by, params, body }) => previewChange(context, by, params.id, body),
  ),
  route(
    {
      ...verb('cancel', 'End it with its period, or now'),
      body: Cancellation,
      isBodyOptional: true,
      reply: Subscription,
    },
    ({ by, params, body, clientKey }) => modify(context, by, params.id, cancellation(body), clientKey),
  ),
  route(
    {
      ...verb('resume', 'Take a cancellation or a pause back'),
      body: z.strictObject({}),
      isBodyOptional: true,
      reply: Subscription,
    },
    ({ by, params, clientKey }) => modify(context, by, params.id, resumption, clientKey),
  ),
  route(
    {
      ...verb('pause', 'Collect nothing until it is resumed'),
      body: z.strictObject({}),
      isBodyOptional: true,
      reply: Subscription,
    },
    ({ by, params, clientKey }) => modify(context, by, params.id, pause, clientKey),
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
