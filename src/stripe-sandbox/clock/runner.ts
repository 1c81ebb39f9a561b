import type Stripe from 'stripe'
import type { Webhooks } from '../delivery/webhooks.ts'
import type { Store } from '../objects/store.ts'
import { startTurn, type Turn } from '../objects/turn.ts'
import { react } from './reactions.ts'
import { runDueTimers } from './timers.ts'

export type Runner = {
  /** Runs `work` in one transaction; the events it made go out after the commit. */
  run<T>(request: Stripe.Event.Request, work: (turn: Turn) => T): T
  /** Does what was to happen by itself by now. */
  runDue(): void
}

export const nobody: Stripe.Event.Request = { id: null, idempotency_key: null }

export function createRunner(options: {
  store: Store
  clock: () => number
  url: () => string
  webhooks: Webhooks
  onEvent: (event: Stripe.Event) => void
}): Runner {
  const { store, clock, url, webhooks, onEvent } = options
  const run: Runner['run'] = (request, work) => {
    const eventIds: string[] = []
    const result = store.transaction(() => {
      const enterDeliveries = (event: { id: string; type: string }) => {
        eventIds.push(event.id)
        return webhooks.enter(event)
      }
      return work(startTurn({ store, nowMs: clock(), baseUrl: url(), request, enterDeliveries, react }))
    })
    // An event of a rolled back savepoint was never stored.
    const events = eventIds.flatMap((id) => store.find('event', id) ?? [])
    for (const event of events) onEvent(event)
    if (events.length > 0) webhooks.wake()
    return result
  }
  const anyDue = store.db.prepare('SELECT 1 FROM timers WHERE due_at <= ? LIMIT 1').pluck()
  return {
    run,
    runDue: () => {
      if (anyDue.get(Math.floor(clock() / 1000)) !== undefined) run(nobody, runDueTimers)
    },
  }
}
