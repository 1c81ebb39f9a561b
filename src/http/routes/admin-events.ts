import { z } from 'zod'
import type { AppContext } from '../../context.ts'
import { tenantId, text, wholeNumber } from '../../db/fields.ts'
import { listOf, PageQuery } from '../../db/page.ts'
import { LogEntry, listEvents, logEntry, streamEvents } from '../../ops/events.ts'
import { RedactedFact } from '../../ops/redact.ts'
import { showFact, viewPersonal } from '../../ops/show-fact.ts'
import { type LiveStreams, lastEventId } from '../live-streams.ts'
import { route } from '../route.ts'
import { eventStream } from '../schemas.ts'

/** The log: in pages, and live. */
export const adminEventRoutes = (context: AppContext, live: LiveStreams) => [
  route(
    {
      method: 'get',
      path: '/admin/events',
      tag: 'Operators',
      summary: 'The log, oldest first; next_cursor goes into `after`',
      allow: [],
      query: filter.extend({ limit: PageQuery.shape.limit }),
      reply: listOf(LogEntry),
    },
    ({ query: { limit, tenant_id: tenantId, ...query } }) =>
      listEvents(context.db.reader, { ...query, tenantId, signal: context.closing }, limit),
  ),
  route(
    {
      method: 'get',
      path: '/admin/events/stream',
      tag: 'Operators',
      summary: 'The log as it grows, as server-sent events',
      description: 'The id of an event is its position: `Last-Event-ID` goes on after it.',
      allow: [],
      query: filter,
      reply: eventStream,
    },
    ({ query: { tenant_id: tenantId, ...query }, c }) => {
      const after = lastEventId(c) ?? query.after
      return live(c, async function* (signal) {
        const facts = streamEvents(context.db.reader, { ...query, tenantId, after, follow: true, signal })
        for await (const fact of facts) yield { position: fact.position, data: logEntry(fact) }
      })
    },
  ),
  route(
    {
      method: 'get',
      path: '/admin/events/{position}',
      tag: 'Operators',
      summary: 'A fact; of Stripe’s object, in `data.object`, all but what is personal',
      allow: [],
      params: z.object({ position: wholeNumber }),
      reply: RedactedFact,
    },
    ({ params }) => showFact(context.db.reader, params.position),
  ),
  route(
    {
      method: 'post',
      path: '/admin/events/{position}/personal',
      tag: 'Operators',
      summary: 'A fact with its personal data; who looked is a fact of its own',
      description: 'Each look is an `operator.personal_viewed` in the stream `operators`.',
      allow: [],
      params: z.object({ position: wholeNumber }),
      reply: RedactedFact,
    },
    ({ params, by }) => viewPersonal(context, params.position, by),
  ),
]

const filter = z.object({
  stream: text(200).optional(),
  tenant_id: tenantId.optional(),
  type: text(100).optional(),
  after: wholeNumber.default(0).meta({ param: { description: 'Facts after this position' } }),
})
