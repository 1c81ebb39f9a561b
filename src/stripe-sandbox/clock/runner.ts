import { channel } from 'node:diagnostics_channel'
import type Stripe from 'stripe'
import type { Webhooks } from '../delivery/webhooks.ts'
import type { Store } from '../objects/store.ts'
import { startTurn, type Turn } from '../objects/turn.ts'
import type { PlayedTime } from './played-time.ts'
import { react } from './reactions.ts'
import { createTimers } from './timers.ts'

export type Runner = {
  /** Runs `work` in one transaction; the events it made go out after the commit. */
  run<T>(request: Stripe.Event.Request, work: (turn: Turn) => T): T
  /**
   * Plays the timers that are due by now: each in a turn of its own, at its own time, in the order of their times. One
   * whose rule fails is undone, told on stderr and given up.
   */
  runDue(): void
  /** When the next timer is due, unix seconds. */
  nextDue(): number | null
  /** How many events were made since the start. */
  eventsMade(): number
}

/** Tells whoever watches the process of each event that has happened. */
const happened = channel('stripe-sandbox:event')

export const nobody: Stripe.Event.Request = { id: null, idempotency_key: null }

export function createRunner(options: {
  store: Store
  time: PlayedTime
  url: () => string
  webhooks: Webhooks
  onEvent: (event: Stripe.Event) => void
}): Runner {
  const { store, time, url, webhooks, onEvent } = options
  const timers = createTimers(store)
  let eventsMade = 0

  const runAt = <T>(momentMs: number, request: Stripe.Event.Request, work: (turn: Turn) => T): T => {
    const eventIds: string[] = []
    const result = time.at(momentMs, () =>
      store.transaction(() => {
        const enterDeliveries = (event: { id: string; type: string }) => {
          eventIds.push(event.id)
          return webhooks.enter(event)
        }
        return work(startTurn({ store, nowMs: momentMs, baseUrl: url(), request, enterDeliveries, react }))
      }),
    )
    // An event of a rolled back savepoint was never stored.
    const events = eventIds.flatMap((id) => store.find('event', id) ?? [])
    eventsMade += events.length
    for (const event of events) {
      happened.publish(event)
      onEvent(event)
    }
    if (events.length > 0) webhooks.wake()
    return result
  }

  return {
    run: (request, work) => runAt(time.nowMs(), request, work),
    runDue: () => {
      for (;;) {
        const timer = timers.due(time.nowSeconds())
        if (!timer) return
        try {
          runAt(timer.due_at * 1000, nobody, (turn) => timers.play(turn, timer))
        } catch (error) {
          // Kept, it would fail every request and every move from now on, also after a restart.
          timers.drop(timer)
          const why = error instanceof Error ? error.message : String(error)
          process.stderr.write(`stripe-sandbox: ${timer.kind} of ${timer.object_id} is given up: ${why}\n`)
        }
      }
    },
    nextDue: timers.nextDue,
    eventsMade: () => eventsMade,
  }
}
