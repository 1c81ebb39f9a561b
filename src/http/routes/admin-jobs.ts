import { OpenAPIHono, z } from '@hono/zod-openapi'
import type { AppContext } from '../../context.ts'
import { resourceId, tenantId, time, timeOut } from '../../db/fields.ts'
import { listOf } from '../../db/page.ts'
import { InvalidRequest } from '../../errors.ts'
import { rate, usageTypes } from '../../log/facts.ts'
import { jobKinds, startJobs } from '../../ops/jobs.ts'
import type { Env } from '../env.ts'
import { body, route } from '../route.ts'
import { envelope, success } from '../schemas.ts'

/** Long work as a resource: POST starts it, GET says how far it is. */
export function adminJobRoutes(context: AppContext): OpenAPIHono<Env> {
  const jobs = startJobs(context)
  const app = new OpenAPIHono<Env>()

  app.openapi(start, async (c) => {
    const { kind, tenant_id: tenantId, rates, from, to } = c.req.valid('json')
    if ((kind === 'reprice') !== (rates !== undefined))
      throw new InvalidRequest([{ path: 'rates', message: 'is for reprice, which needs it' }])
    return c.json(success(jobs.start({ kind, tenantId, rates, from, to })), 200)
  })

  app.openapi(list, (c) => c.json(success({ items: jobs.list(), next_cursor: null }), 200))

  app.openapi(show, (c) => c.json(success(jobs.show(c.req.valid('param').job_id)), 200))

  return app
}

const job = z
  .object({
    job_id: z.string(),
    kind: z.enum(jobKinds),
    tenant_id: z.string().nullable(),
    status: z.enum(['running', 'done', 'failed']),
    progress: z.object({ done: z.int(), total: z.int() }),
    result: z
      .record(z.string(), z.unknown())
      .nullable()
      .meta({ description: 'What the command of that name prints with --json' }),
    error: z.string().nullable(),
    started_at: timeOut,
    ended_at: timeOut.nullable(),
  })
  .meta({ id: 'Job' })

const start = route({
  method: 'post',
  path: '/admin/jobs',
  tag: 'Operators',
  summary: 'Start a job',
  description: 'Jobs run in, and are remembered by, the instance that took the request: the last fifty.',
  allow: [],
  request: {
    body: body(
      z.strictObject({
        kind: z.enum(jobKinds),
        tenant_id: tenantId.optional(),
        rates: z
          .partialRecord(z.enum(usageTypes), rate)
          .optional()
          .meta({ description: 'For reprice: the rates to try; what is left out stays as it is' }),
        from: time.optional(),
        to: time.optional(),
      }),
    ),
  },
  response: envelope(job),
})

const list = route({
  method: 'get',
  path: '/admin/jobs',
  tag: 'Operators',
  summary: 'The jobs of this instance, newest first',
  allow: [],
  request: {},
  response: envelope(listOf(job)),
})

const show = route({
  method: 'get',
  path: '/admin/jobs/{job_id}',
  tag: 'Operators',
  summary: 'A job, its progress and its result',
  allow: [],
  request: { params: z.object({ job_id: resourceId }) },
  response: envelope(job),
})
