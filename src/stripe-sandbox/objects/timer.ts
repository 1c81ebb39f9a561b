import type { Turn } from './turn.ts'

export type TimerKind = 'expire_incomplete' | 'finalize_invoice'

/** Lets a rule of `timers.ts` run for an object once the clock has passed `dueAt` (unix seconds). */
export function setTimer(turn: Turn, kind: TimerKind, objectId: string, dueAt: number): void {
  turn.store.db.prepare('INSERT OR REPLACE INTO timers VALUES (?, ?, ?)').run(kind, objectId, dueAt)
}
