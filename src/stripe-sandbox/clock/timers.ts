import { advanceInvoice } from '../invoices/collection.ts'
import type { Store } from '../objects/store.ts'
import type { TimerKind } from '../objects/timer.ts'
import type { Turn } from '../objects/turn.ts'
import { advanceSubscription } from '../subscriptions/advance.ts'

/** What happens to an object by itself, each kind of timer with its rule. A rule may set the next timer. */
const rules: Record<TimerKind, (turn: Turn, objectId: string) => void> = {
  advance_invoice: advanceInvoice,
  advance_subscription: advanceSubscription,
}

type Timer = { seq: number; kind: TimerKind; object_id: string; due_at: number }

export type Timers = {
  /** The earliest that is due by a time (unix seconds); of one second the one that was set first. */
  due(by: number): Timer | undefined
  /** When the next one is due, unix seconds. */
  nextDue(): number | null
  /** Runs a timer's rule in a turn at the timer's time, and takes the timer away. */
  play(turn: Turn, timer: Timer): void
  drop(timer: Timer): void
}

export function createTimers(store: Store): Timers {
  const due = store.db.prepare<[number], Timer>(
    'SELECT * FROM timers WHERE due_at <= ? ORDER BY due_at, seq LIMIT 1',
  )
  const next = store.db.prepare<[], number | null>('SELECT min(due_at) FROM timers').pluck()
  const remove = store.db.prepare('DELETE FROM timers WHERE seq = ?')
  const drop = ({ seq }: Timer) => void remove.run(seq)
  return {
    due: (by) => due.get(by),
    nextDue: () => next.get() ?? null,
    play: (turn, timer) => {
      drop(timer)
      // A file of an earlier version may have kinds that are no more.
      rules[timer.kind]?.(turn, timer.object_id)
    },
    drop,
  }
}
