import { OpenAPIHono, z } from '@hono/zod-openapi'
import type { AppContext } from '../../context.ts'
import { flag, resourceId, text } from '../../db/fields.ts'
import { listOf, PageQuery } from '../../db/page.ts'
import { EffectListing, listEffects, retryEffect } from '../../ops/effects.ts'
import { listWebhooks, retryWebhook, WebhookListing } from '../../ops/webhooks.ts'
import type { Env } from '../env.ts'
import { route } from '../route.ts'
import { envelope, success } from '../schemas.ts'
import { callerOf } from './onboarding.ts'

/** What goes out to Stripe and what comes in from it, and trying it again. */
export function adminOutboxRoutes(context: AppContext): OpenAPIHono<Env> {
  const { reader } = context.db
  const app = new OpenAPIHono<Env>()

  app.openapi(effects, async (c) => {
    const { status, waits_for: waitsFor, retrying, ...query } = c.req.valid('query')
    return c.json(success(await listEffects(reader, { status, waitsFor, retrying }, query)), 200)
  })

  app.openapi(retryOne, async (c) => {
    return c.json(success(await retryEffect(context, c.req.valid('param').effect_id)), 200)
  })

  app.openapi(webhooks, async (c) => {
    const { disposition, ...query } = c.req.valid('query')
    return c.json(success(await listWebhooks(reader, disposition, query)), 200)
  })

  app.openapi(judgeAgain, async (c) => {
    const { event_id } = c.req.valid('param')
    return c.json(success(await retryWebhook(context, event_id, callerOf(c))), 200)
  })

  return app
}

const effects = route({
  method: 'get',
  path: '/admin/effects',
  tag: 'Operators',
  summary: 'Calls and timers that facts have asked for, newest first',
  allow: [],
  request: {
    query: PageQuery.extend({
      status: EffectListing.shape.status.optional(),
      waits_for: z
        .enum(['stripe', 'time'])
        .optional()
        .meta({ param: { description: 'Calls wait for `stripe`, timers for their `time`' } }),
      retrying: flag.optional().meta({
        param: { description: 'Pending calls that have failed at least once' },
      }),
    }),
  },
  response: envelope(listOf(EffectListing)),
})

const retryOne = route({
  method: 'post',
  path: '/admin/effects/{effect_id}/retry',
  tag: 'Operators',
  summary: 'Carry a pending effect out now; `last_error` says why it is pending still',
  allow: [],
  request: { params: z.object({ effect_id: text(300) }) },
  response: envelope(EffectListing),
})

const webhooks = route({
  method: 'get',
  path: '/admin/webhooks',
  tag: 'Operators',
  summary: "Stripe's events, newest first, and what became of them",
  allow: [],
  request: { query: PageQuery.extend({ disposition: WebhookListing.shape.disposition.optional() }) },
  response: envelope(listOf(WebhookListing)),
})

const judgeAgain = route({
  method: 'post',
  path: '/admin/webhooks/{event_id}/retry',
  tag: 'Operators',
  summary: 'Judge a parked or quarantined event again by what is known now',
  description:
    'A parked event whose customer is known by now is released. Of a quarantined one the object is fetched from ' +
    'Stripe; if it does not contradict any more it is recorded and the event released. Else all stays as it is.',
  allow: [],
  request: { params: z.object({ event_id: resourceId }) },
  response: envelope(WebhookListing),
})
