import { OpenAPIHono, z } from '@hono/zod-openapi'
import type { AppContext } from '../../context.ts'
import { cents, resourceId, tableRow, tenantId, text, timeOut } from '../../db/fields.ts'
import { capsule, exportCapsule } from '../../ops/capsule.ts'
import { diff } from '../../ops/diff.ts'
import { why } from '../../ops/why.ts'
import type { Env } from '../env.ts'
import { route } from '../route.ts'
import { envelope, success } from '../schemas.ts'
import { asInvalid } from './admin-moment.ts'
import { pricedLine } from './admin-schemas.ts'

/** Why things are as they are: the facts behind a value, behind a change, and behind an incident. */
export function adminCauseRoutes({ db, now }: AppContext): OpenAPIHono<Env> {
  const app = new OpenAPIHono<Env>()

  app.openapi(showDiff, async (c) => {
    const { tenant_id: tenantId, from, to } = c.req.valid('query')
    return c.json(success(await diff(db, { tenantId, from, to }).catch(asInvalid('from'))), 200)
  })

  app.openapi(showWhy, async (c) => {
    const { table, key, column } = c.req.valid('query')
    return c.json(success(await why(db, table, key, column)), 200)
  })

  app.openapi(showCapsule, async (c) => {
    const recorded = await exportCapsule(db, c.req.valid('param').session_id, now())
    return c.json(success(recorded as z.infer<typeof capsuleOut>), 200)
  })

  return app
}

const cause = z
  .object({
    position: z.int(),
    type: z.string(),
    fact_id: z.string(),
    actor: z.string(),
    causation: z.string().nullable(),
    about: z.string().nullable().meta({
      description: "Stripe's event type and object, a decline's code, usage: what the type leaves out",
    }),
    event: z
      .object({ position: z.int(), event_id: z.string(), about: z.string().nullable() })
      .nullable()
      .meta({ description: 'The event of Stripe’s behind it, where `causation` names one' }),
    occurred_at: timeOut,
    stream: z.string(),
    version: z.int(),
  })
  .meta({ id: 'Cause' })

const value = z.union([z.string(), z.number()]).nullable()
const columnChange = z.object({ column: z.string(), before: value, after: value })
const moment = z.object({ position: z.int(), time: timeOut.nullable() })

const showDiff = route({
  method: 'get',
  path: '/admin/diff',
  tag: 'Operators',
  summary: 'What changed for a tenant between two moments, and by which facts',
  allow: [],
  request: {
    query: z.object({
      tenant_id: tenantId,
      from: text(40).meta({ param: { description: 'A position of the log, or a time' } }),
      to: text(40).meta({ param: { description: 'A position of the log, or a time' } }),
    }),
  },
  response: envelope(
    z.object({
      tenant_id: z.string(),
      from: moment,
      to: moment,
      sessions: z.array(
        z.object({
          session_id: z.string(),
          before: z.string().nullable(),
          after: z.string().nullable(),
          facts: z.array(cause),
        }),
      ),
      rows: z.array(
        z.object({
          table: z.string(),
          key: z.string(),
          change: z.enum(['added', 'changed']),
          columns: z.array(columnChange.extend({ facts: z.array(cause) })),
        }),
      ),
      money: z.array(
        z.object({
          amount: z.enum([
            'next_invoice_cents',
            'outstanding_cents',
            'unbilled_usage_cents',
            'subscription_cents',
          ]),
          before: cents.nullable(),
          after: cents.nullable(),
          delta: cents,
          facts: z.array(cause),
        }),
      ),
    }),
  ),
})

const showWhy = route({
  method: 'get',
  path: '/admin/why',
  tag: 'Operators',
  summary: 'The facts that made a row, or one value of it',
  allow: [],
  request: {
    query: z.object({ table: text(64), key: text(300), column: text(64).optional() }),
  },
  response: envelope(
    z.object({
      table: z.string(),
      key: z.string(),
      column: z.string().nullable(),
      tenant_id: z.string().nullable(),
      row: tableRow.meta({ description: 'As the log makes it' }),
      facts: z.array(cause.and(z.object({ changes: z.array(columnChange) }))),
      usage_lines: z
        .array(pricedLine.extend({ facts: z.array(cause) }))
        .nullable()
        .meta({ description: 'Of an invoice: the metered usage on it' }),
    }),
  ),
})

const capsuleOut = z
  .object({ ...capsule.shape, facts: z.array(z.record(z.string(), z.unknown())) })
  .meta({ id: 'Capsule' })

const showCapsule = route({
  method: 'get',
  path: '/admin/sessions/{session_id}/capsule',
  tag: 'Operators',
  summary: 'The incident in one file without personal data, for `stepledger replay --from-capsule`',
  allow: [],
  request: { params: z.object({ session_id: resourceId }) },
  response: envelope(capsuleOut),
})
