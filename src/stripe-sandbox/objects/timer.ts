import type { Turn } from './turn.ts'

export type TimerKind = 'advance_invoice' | 'advance_subscription'

/**
 * Lets a rule of `clock/timers.ts` run for an object in a turn of its own at `dueAt` (unix seconds; a time that has passed
 * means now). An object has one timer of a kind: setting it again moves it.
 */
export function setTimer(turn: Turn, kind: TimerKind, objectId: string, dueAt: number): void {
  turn.store.db
    .prepare('INSERT OR REPLACE INTO timers (kind, object_id, due_at) VALUES (?, ?, ?)')
    .run(kind, objectId, Math.max(dueAt, turn.now))
}
