import type { AppContext } from '../context.ts'
import type { Session } from '../inbox/sessions/store.ts'
import { streams } from '../log/facts.ts'
import { readFacts } from '../log/read.ts'
import type { StreamWatch } from '../log/watch.ts'
import { duesNow } from '../pricing/due-terms.ts'
import { evolve, initialSnapshot } from '../session/session.ts'
import { urlsOf } from '../views/session-urls.ts'
import { type FullStanding, fullStanding } from '../views/standing.ts'

/**
 * The changes of a session as they happen, until it is over: each with the fact's place in the log and its type, and the
 * session's standing after it.
 * @param after those after this position of the log; undefined: from the present one on
 */
export async function* sessionChanges(
  context: Pick<AppContext, 'config' | 'db' | 'now'>,
  watch: StreamWatch,
  session: Session,
  after: number | undefined,
  signal: AbortSignal,
): AsyncGenerator<{ position: number; type: string; data: FullStanding }, void> {
  const { reader } = context.db
  const stream = streams.onboarding(session.sessionId)
  const wake = waker()
  const forget = watch(stream, wake.up)
  signal.addEventListener('abort', wake.up)
  try {
    let told = after ?? session.lastPosition - 1
    let at: Session = { ...session, snapshot: initialSnapshot, version: 0, lastPosition: 0, updatedAt: '' }
    while (!signal.aborted) {
      for await (const fact of readFacts(reader, { stream, after: at.lastPosition })) {
        const { snapshot } = evolve(at.snapshot, fact)
        const { version, position: lastPosition, occurred_at: updatedAt, type } = fact
        at = { ...at, snapshot, version, lastPosition, updatedAt }
        if (lastPosition <= told) continue
        const data = fullStanding(at, await urlsOf(reader, at.sessionId), await duesNow(context))
        yield { position: lastPosition, type, data }
        told = lastPosition
      }
      if (at.snapshot.status === 'done') return
      await wake.next()
    }
  } finally {
    forget()
  }
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
