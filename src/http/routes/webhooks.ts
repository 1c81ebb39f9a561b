import { createRoute, OpenAPIHono } from '@hono/zod-openapi'
import { z } from 'zod'
import type { AppContext } from '../../context.ts'
import { ingest } from '../../inbox/ingest.ts'
import { signedAt, verifiedEvent } from '../../stripe/webhook.ts'
import type { Env } from '../env.ts'

/** Stripe's events. The signature over the raw body is the only key. */
export function webhookRoutes(context: AppContext): OpenAPIHono<Env> {
  const app = new OpenAPIHono<Env>()
  app.openapi(receive, async (c) => {
    const signature = c.req.header('Stripe-Signature')
    // A sandbox that plays a move sends an instant's webhooks before it calls who goes along.
    if (signedAt(signature) * 1000 > context.now().getTime())
      await context.sandboxClock?.look().catch(() => {})
    const event = await verifiedEvent(
      await c.req.text(),
      signature,
      context.config.stripe.webhookSecrets,
      context.now(),
    )
    await ingest(context, event)
    return c.json({ received: true as const }, 200)
  })
  return app
}

const receive = createRoute({
  method: 'post',
  path: '/billing/webhooks',
  tags: ['Webhooks'],
  summary: "Receive one of Stripe's events",
  description:
    'Signed by Stripe (`Stripe-Signature`, at most 300 s old). 200 means that the event is in the log; a duplicate ' +
    'changes nothing.',
  responses: {
    200: {
      description: 'The event is stored',
      content: { 'application/json': { schema: z.object({ received: z.literal(true) }) } },
    },
  },
})
