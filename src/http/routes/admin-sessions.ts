import { z } from 'zod'
import type { AppContext } from '../../context.ts'
import { queryFlag, resourceId, tenantId, text, wholeNumber } from '../../db/fields.ts'
import { listOf, PageQuery } from '../../db/page.ts'
import { SessionAt, sessionAt } from '../../ops/session-at.ts'
import { listSessions, SessionListing, SessionView, showSession } from '../../ops/sessions.ts'
import { route } from '../route.ts'
import { asInvalid } from './admin-moment.ts'

/** Where each onboarding session stands, how it came there, and where it stood before. */
export const adminSessionRoutes = ({ db, now }: AppContext) => [
  route(
    {
      method: 'get',
      path: '/admin/sessions',
      tag: 'Operators',
      summary: 'Onboarding sessions, newest first',
      allow: [],
      query: PageQuery.extend({
        status: z.string().max(64).optional(),
        tenant_id: tenantId.optional(),
        session_id: text(64)
          .optional()
          .meta({ param: { description: 'The beginning of the id' } }),
        stuck: queryFlag.optional().meta({
          param: {
            description:
              'Quarantined, or waiting for Stripe for more than two minutes or after a failed call',
          },
        }),
      }),
      reply: listOf(SessionListing),
    },
    ({ query: { status, tenant_id: tenantId, session_id: begins, stuck, ...page } }) =>
      listSessions(db.reader, { status, tenantId, begins, stuck }, page, now()),
  ),
  route(
    {
      method: 'get',
      path: '/admin/sessions/{session_id}',
      tag: 'Operators',
      summary: 'A session: its position, its path through the statechart and its facts',
      allow: [],
      params: z.object({ session_id: resourceId }),
      reply: SessionView,
    },
    ({ params }) => showSession(db.reader, params.session_id),
  ),
  route(
    {
      method: 'get',
      path: '/admin/sessions/{session_id}/at',
      tag: 'Operators',
      summary: "A session, and its tenant's rows, as they were after a fact of the log",
      allow: [],
      params: z.object({ session_id: resourceId }),
      // A number is made of whatever comes, so the document would take nothing for enough.
      query: z.object({ position: wholeNumber.meta({ param: { required: true } }) }),
      reply: SessionAt,
    },
    ({ params, query }) => sessionAt(db, params.session_id, query.position).catch(asInvalid('position')),
  ),
]
