import { OpenAPIHono, z } from '@hono/zod-openapi'
import type { AppContext } from '../../context.ts'
import { tenantId, text, wholeNumber } from '../../db/fields.ts'
import { listOf, PageQuery } from '../../db/page.ts'
import { InvalidRequest } from '../../errors.ts'
import { type StoredFact, streamEvents } from '../../ops/events.ts'
import { redact } from '../../ops/redact.ts'
import { showFact, viewPersonal } from '../../ops/show-fact.ts'
import type { Env } from '../env.ts'
import type { LiveStreams } from '../live-streams.ts'
import { route } from '../route.ts'
import { envelope, success } from '../schemas.ts'
import { fact } from './admin-schemas.ts'
import { callerOf } from './onboarding.ts'

/** The log: in pages, and live. */
export function adminEventRoutes(context: AppContext, streams: LiveStreams): OpenAPIHono<Env> {
  const { db, closing } = context
  const app = new OpenAPIHono<Env>()

  app.openapi(list, async (c) => {
    const { stream, tenant_id, type, after, limit } = c.req.valid('query')
    const facts = await Array.fromAsync(
      streamEvents(db.reader, {
        stream,
        tenantId: tenant_id,
        type,
        after,
        limit: limit + 1,
        follow: false,
        signal: closing,
      }),
    )
    const items = facts.slice(0, limit).map(shown)
    const nextCursor = facts.length > limit ? String(items.at(-1)?.position) : null
    return c.json(success({ items, next_cursor: nextCursor }), 200)
  })

  app.openapi(live, async (c) => {
    const { tenant_id, type, stream: ofStream, after } = c.req.valid('query')
    const from = resumePosition(c.req.header('Last-Event-ID')) ?? after
    return streams(c, async (stream, signal) => {
      const facts = streamEvents(db.reader, {
        stream: ofStream,
        tenantId: tenant_id,
        type,
        after: from,
        follow: true,
        signal,
      })
      await stream.write(': connected\n\n')
      for await (const one of facts)
        await stream.writeSSE({ id: String(one.position), data: JSON.stringify(shown(one)) })
    }) as never
  })

  app.openapi(show, async (c) => {
    return c.json(success((await showFact(db.reader, c.req.valid('param').position)) as Fact), 200)
  })

  app.openapi(personal, async (c) => {
    const { position } = c.req.valid('param')
    return c.json(success((await viewPersonal(context, position, callerOf(c))) as Fact), 200)
  })

  return app
}

type Fact = z.infer<typeof fact>

type Shown = z.infer<typeof storedFact>
const shown = (one: StoredFact): Shown => ({ ...redact(one), about: one.about }) as unknown as Shown

function resumePosition(header: string | undefined): number | undefined {
  if (header === undefined) return undefined
  if (/^\d{1,15}$/.test(header)) return Number(header)
  throw new InvalidRequest([{ path: 'Last-Event-ID', message: 'must be the id of an event of this stream' }])
}

const storedFact = fact.and(z.object({ previous_hash: z.string(), hash: z.string() }))

const filter = z.object({
  stream: text(200).optional(),
  tenant_id: tenantId.optional(),
  type: text(100).optional(),
  after: wholeNumber.default(0).meta({ param: { description: 'Facts after this position' } }),
})

const list = route({
  method: 'get',
  path: '/admin/events',
  tag: 'Operators',
  summary: 'The log, oldest first; next_cursor goes into `after`',
  allow: [],
  request: {
    query: filter.extend({
      limit: PageQuery.shape.limit,
    }),
  },
  response: envelope(listOf(storedFact)),
})

const live = route({
  method: 'get',
  path: '/admin/events/stream',
  tag: 'Operators',
  summary: 'The log as it grows, as server-sent events',
  description: 'The id of an event is its position: `Last-Event-ID` goes on after it.',
  allow: [],
  request: { query: filter },
  response: z.string().meta({ description: 'text/event-stream' }),
})

const show = route({
  method: 'get',
  path: '/admin/events/{position}',
  tag: 'Operators',
  summary: 'A fact; of Stripe’s object, in `data.object`, all but what is personal',
  allow: [],
  request: { params: z.object({ position: wholeNumber }) },
  response: envelope(fact),
})

const personal = route({
  method: 'post',
  path: '/admin/events/{position}/personal',
  tag: 'Operators',
  summary: 'A fact with its personal data; who looked is a fact of its own',
  description: 'Each look is an `operator.personal_viewed` in the stream `operators`.',
  allow: [],
  request: { params: z.object({ position: wholeNumber }) },
  response: envelope(fact),
})
