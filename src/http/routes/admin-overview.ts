import { OpenAPIHono, z } from '@hono/zod-openapi'
import type { AppContext } from '../../context.ts'
import { tableGauges } from '../../ops/table-gauges.ts'
import type { Env } from '../env.ts'
import { route } from '../route.ts'
import { envelope, success } from '../schemas.ts'

export function adminOverviewRoutes({ db }: AppContext): OpenAPIHono<Env> {
  const app = new OpenAPIHono<Env>()
  app.openapi(show, async (c) => {
    const { logPosition, effectsByStatus, webhooksByDisposition } = await tableGauges(db.reader)
    return c.json(
      success({ log_position: logPosition, effects: effectsByStatus, webhooks: webhooksByDisposition }),
      200,
    )
  })
  return app
}

const counts = z.record(z.string(), z.int())

const show = route({
  method: 'get',
  path: '/admin/overview',
  tag: 'Operators',
  summary: 'How far the log is, and how many effects and webhooks are in which state',
  allow: [],
  request: {},
  response: envelope(z.object({ log_position: z.int(), effects: counts, webhooks: counts })),
})
