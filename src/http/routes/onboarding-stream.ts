import { OpenAPIHono, z } from '@hono/zod-openapi'
import type { OnboardingFact } from '../../../machines/onboarding-facts.ts'
import type { AppContext } from '../../context.ts'
import { resourceId } from '../../db/fields.ts'
import { InvalidRequest } from '../../errors.ts'
import type { Session } from '../../inbox/sessions/store.ts'
import { streams } from '../../log/facts.ts'
import { readFacts } from '../../log/read.ts'
import { watchStreams } from '../../log/watch.ts'
import { loadOwnSession } from '../../onboarding/access.ts'
import { duesNow } from '../../pricing/due-terms.ts'
import { evolve, initialSnapshot } from '../../session/session.ts'
import { urlsOf } from '../../views/session-urls.ts'
import { fullStanding } from '../../views/standing.ts'
import type { Env } from '../env.ts'
import type { LiveStreams } from '../live-streams.ts'
import { route } from '../route.ts'
import { callerOf } from './onboarding.ts'

/**
 * Server-sent events: one per change of the session. The event's name is the fact's type, its id the fact's position
 * in the log, its data the session's whole position after it. A first request starts with the present position; one
 * with `Last-Event-ID` goes on after that. The stream ends with the session: a client that comes back gets 204.
 */
export function onboardingStreamRoutes(context: AppContext, live: LiveStreams): OpenAPIHono<Env> {
  const watch = watchStreams(context.db)
  const app = new OpenAPIHono<Env>()

  app.openapi(streamRoute, async (c) => {
    const { reader } = context.db
    const session = await loadOwnSession(reader, c.req.valid('param').session_id, callerOf(c))
    const resumeAfter = resumePosition(c.req.header('Last-Event-ID'))
    if (isOver(session) && resumeAfter !== undefined && resumeAfter >= session.lastPosition)
      return c.body(null, 204) as never

    return live(c, async (stream, signal) => {
      const log = streams.onboarding(session.sessionId)
      const wake = waker()
      const forget = watch(log, wake.up)
      signal.addEventListener('abort', wake.up)
      try {
        let { told, at }: { told: number; at: Session } = {
          told: resumeAfter ?? session.lastPosition - 1,
          at: { ...session, snapshot: initialSnapshot, version: 0, lastPosition: 0, updatedAt: '' },
        }
        while (!signal.aborted) {
          for await (const fact of readFacts(reader, { stream: log, after: at.lastPosition })) {
            const { snapshot } = evolve(at.snapshot, fact as OnboardingFact)
            at = {
              ...at,
              snapshot,
              version: fact.version,
              lastPosition: fact.position,
              updatedAt: fact.occurred_at,
            }
            if (fact.position <= told) continue
            await stream.writeSSE({
              id: String(fact.position),
              event: fact.type,
              data: JSON.stringify(
                fullStanding(at, await urlsOf(context.db.reader, at.sessionId), await duesNow(context)),
              ),
            })
            told = fact.position
          }
          if (isOver(at)) return
          await wake.next()
        }
      } finally {
        forget()
      }
    }) as never
  })

  return app
}

const isOver = (session: Session) => session.snapshot.status === 'done'

function resumePosition(header: string | undefined): number | undefined {
  if (header === undefined) return undefined
  if (/^\d{1,15}$/.test(header)) return Number(header)
  throw new InvalidRequest([{ path: 'Last-Event-ID', message: 'must be the id of an event of this stream' }])
}

/** `next` sleeps until `up`, also when that came just before. */
function waker() {
  let { promise, resolve } = Promise.withResolvers<void>()
  return {
    up: () => resolve(),
    next: async () => {
      await promise
      ;({ promise, resolve } = Promise.withResolvers<void>())
    },
  }
}

const streamRoute = route({
  method: 'get',
  path: '/onboarding/{session_id}/stream',
  tag: 'Onboarding',
  summary: 'The changes of a session, as server-sent events',
  allow: ['platform', 'tenant', 'session'],
  request: { params: z.object({ session_id: resourceId }) },
  response: z.string().meta({ description: 'text/event-stream' }),
})
