import { z } from 'zod'
import type { AppContext } from '../../context.ts'
import { resourceId } from '../../db/fields.ts'
import { watchStreams } from '../../log/watch.ts'
import { loadOwnSession } from '../../onboarding/access.ts'
import { sessionChanges } from '../../onboarding/changes.ts'
import { WizardStanding, wizardStanding } from '../../onboarding/wizard-standing.ts'
import { type LiveStreams, lastEventId } from '../live-streams.ts'
import { route } from '../route.ts'
import { eventStream } from '../schemas.ts'

/** Where a session stands: now, and as it changes. */
export function onboardingStandingRoutes(context: AppContext, live: LiveStreams) {
  const watch = watchStreams(context.db)
  const params = z.object({ session_id: resourceId })
  return [
    route(
      {
        method: 'get',
        path: '/onboarding/{session_id}',
        tag: 'Onboarding',
        summary: 'The whole position of a session',
        allow: ['platform', 'tenant', 'session'],
        params,
        reply: WizardStanding,
      },
      ({ by, params }) => wizardStanding(context, by, params.session_id),
    ),
    // A first request starts with the present position. The stream ends with the session: who comes back gets 204.
    route(
      {
        method: 'get',
        path: '/onboarding/{session_id}/stream',
        tag: 'Onboarding',
        summary: 'The changes of a session, as server-sent events',
        allow: ['platform', 'tenant', 'session'],
        params,
        reply: eventStream,
      },
      async ({ by, params, c }) => {
        const session = await loadOwnSession(context.db.reader, params.session_id, by)
        const after = lastEventId(c)
        if (session.snapshot.status === 'done' && after !== undefined && after >= session.lastPosition)
          return c.body(null, 204)
        return live(c, (signal) => sessionChanges(context, watch, session, after, signal))
      },
    ),
  ]
}
