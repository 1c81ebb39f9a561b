import { OpenAPIHono, z } from '@hono/zod-openapi'
import type { AppContext } from '../../context.ts'
import { statechart } from '../../ops/statechart.ts'
import type { Env } from '../env.ts'
import { route } from '../route.ts'
import { envelope, success } from '../schemas.ts'

export function adminStatechartRoutes({ db }: AppContext): OpenAPIHono<Env> {
  const app = new OpenAPIHono<Env>()
  app.openapi(show, async (c) => c.json(success(await statechart(db)), 200))
  return app
}

const show = route({
  method: 'get',
  path: '/admin/statechart',
  tag: 'Operators',
  summary: 'The onboarding statechart of this code, and how many sessions are at each place',
  allow: [],
  request: {},
  response: envelope(
    z.object({
      machine_version: z.string(),
      graph: z.object({
        states: z.array(
          z.object({
            key: z.string(),
            parent: z.string().nullable(),
            type: z.string(),
            is_initial: z.boolean(),
          }),
        ),
        transitions: z.array(
          z.object({
            source: z.string(),
            target: z.string(),
            event: z.string(),
            guard: z.string().nullable(),
          }),
        ),
      }),
      population: z.record(z.string(), z.int()),
      quarantined: z.int(),
    }),
  ),
})
