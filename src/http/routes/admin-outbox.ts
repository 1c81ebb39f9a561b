import { z } from 'zod'
import type { AppContext } from '../../context.ts'
import { queryFlag, resourceId, text } from '../../db/fields.ts'
import { listOf, PageQuery } from '../../db/page.ts'
import { EffectListing, listEffects, retryEffect } from '../../ops/effects.ts'
import { listWebhooks, retryWebhook, WebhookListing } from '../../ops/webhooks.ts'
import { route } from '../route.ts'

/** What goes out to Stripe and what comes in from it, and trying it again. */
export const adminOutboxRoutes = (context: AppContext) => [
  route(
    {
      method: 'get',
      path: '/admin/effects',
      tag: 'Operators',
      summary: 'Calls and timers that facts have asked for, newest first',
      allow: [],
      query: PageQuery.extend({
        status: EffectListing.shape.status.optional(),
        waits_for: z
          .enum(['stripe', 'time'])
          .optional()
          .meta({ param: { description: 'Calls wait for `stripe`, timers for their `time`' } }),
        retrying: queryFlag.optional().meta({
          param: { description: 'Pending calls that have failed at least once' },
        }),
      }),
      reply: listOf(EffectListing),
    },
    ({ query: { status, waits_for: waitsFor, retrying, ...page } }) =>
      listEffects(context.db.reader, { status, waitsFor, retrying }, page),
  ),
  route(
    {
      method: 'post',
      path: '/admin/effects/{effect_id}/retry',
      tag: 'Operators',
      summary: 'Carry a pending effect out now; `last_error` says why it is pending still',
      allow: [],
      params: z.object({ effect_id: text(300) }),
      reply: EffectListing,
    },
    ({ params }) => retryEffect(context, params.effect_id),
  ),
  route(
    {
      method: 'get',
      path: '/admin/webhooks',
      tag: 'Operators',
      summary: "Stripe's events, newest first, and what became of them",
      allow: [],
      query: PageQuery.extend({ disposition: WebhookListing.shape.disposition.optional() }),
      reply: listOf(WebhookListing),
    },
    ({ query: { disposition, ...page } }) => listWebhooks(context.db.reader, disposition, page),
  ),
  route(
    {
      method: 'post',
      path: '/admin/webhooks/{event_id}/retry',
      tag: 'Operators',
      summary: 'Judge a parked or quarantined event again by what is known now',
      description:
        'A parked event whose customer is known by now is released. Of a quarantined one the object is fetched from ' +
        'Stripe; if it does not contradict any more it is recorded and the event released. Else all stays as it is.',
      allow: [],
      params: z.object({ event_id: resourceId }),
      reply: WebhookListing,
    },
    ({ params, by }) => retryWebhook(context, params.event_id, by),
  ),
]
