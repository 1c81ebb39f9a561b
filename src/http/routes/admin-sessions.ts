import { OpenAPIHono, z } from '@hono/zod-openapi'
import { selectedPlan } from '../../../machines/onboarding-facts.ts'
import type { AppContext } from '../../context.ts'
import { flag, resourceId, tableRow, tenantId, text, timeOut, wholeNumber } from '../../db/fields.ts'
import { listOf, PageQuery } from '../../db/page.ts'
import { sessionAt } from '../../ops/session-at.ts'
import { listSessions, SessionListing, showSession } from '../../ops/sessions.ts'
import type { Env } from '../env.ts'
import { route } from '../route.ts'
import { envelope, success } from '../schemas.ts'
import { asInvalid } from './admin-moment.ts'
import { fact } from './admin-schemas.ts'
import { positionOut } from './onboarding.ts'

/** Where each onboarding session stands, how it came there, and where it stood before. */
export function adminSessionRoutes(context: AppContext): OpenAPIHono<Env> {
  const { db, now } = context
  const app = new OpenAPIHono<Env>()

  app.openapi(list, async (c) => {
    const { status, tenant_id, session_id: begins, stuck, ...query } = c.req.valid('query')
    const filter = { status, tenantId: tenant_id, begins, stuck }
    return c.json(success(await listSessions(db.reader, filter, query, now())), 200)
  })

  app.openapi(show, async (c) => {
    return c.json(success(await showSession(db.reader, c.req.valid('param').session_id)), 200)
  })

  app.openapi(at, async (c) => {
    const { session_id } = c.req.valid('param')
    const { position } = c.req.valid('query')
    return c.json(success(await sessionAt(db, session_id, position).catch(asInvalid('position'))), 200)
  })

  return app
}

const list = route({
  method: 'get',
  path: '/admin/sessions',
  tag: 'Operators',
  summary: 'Onboarding sessions, newest first',
  allow: [],
  request: {
    query: PageQuery.extend({
      status: z.string().max(64).optional(),
      tenant_id: tenantId.optional(),
      session_id: text(64)
        .optional()
        .meta({ param: { description: 'The beginning of the id' } }),
      stuck: flag.optional().meta({
        param: {
          description: 'Quarantined, or waiting for Stripe for more than two minutes or after a failed call',
        },
      }),
    }),
  },
  response: envelope(listOf(SessionListing)),
})

const pathStep = z.object({
  position: z.int(),
  fact_id: z.string(),
  type: z.string(),
  place: z.string().nullable(),
  occurred_at: timeOut,
  actor: z.string(),
})

const show = route({
  method: 'get',
  path: '/admin/sessions/{session_id}',
  tag: 'Operators',
  summary: 'A session: its position, its path through the statechart and its facts',
  allow: [],
  request: { params: z.object({ session_id: resourceId }) },
  response: envelope(
    positionOut.omit({ applicant: true, publishable_key: true }).extend({
      plan: selectedPlan.nullable(),
      place: z.string().nullable(),
      machine_version: z.string(),
      is_quarantined: z.boolean(),
      stranded: z
        .object({ position: z.int(), type: z.string(), message: z.string() })
        .nullable()
        .meta({ description: 'The fact that the statechart of this code does not take' }),
      path: z
        .array(pathStep)
        .meta({ description: 'The place after each fact; null from a stranded fact on' }),
      facts: z.array(fact),
    }),
  ),
})

const at = route({
  method: 'get',
  path: '/admin/sessions/{session_id}/at',
  tag: 'Operators',
  summary: "A session, and its tenant's rows, as they were after a fact of the log",
  allow: [],
  request: {
    params: z.object({ session_id: resourceId }),
    // A number is made of whatever comes, so the document would take nothing for enough.
    query: z.object({ position: wholeNumber.meta({ param: { required: true } }) }),
  },
  response: envelope(
    z.object({
      session_id: z.string(),
      tenant_id: z.string(),
      position: z.int(),
      time: timeOut.nullable(),
      place: z.string().nullable(),
      context: z.record(z.string(), z.unknown()).nullable(),
      tables: z.record(z.string(), z.array(tableRow)),
    }),
  ),
})
