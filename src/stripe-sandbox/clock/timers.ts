import { finalizeByItself } from '../invoices/invoice-finalization.ts'
import type { TimerKind } from '../objects/timer.ts'
import type { Turn } from '../objects/turn.ts'
import { expireIncomplete } from '../subscriptions/subscription-end.ts'

/** What happens to an object by itself, each with its rule. */
const rules = {
  expire_incomplete: expireIncomplete,
  finalize_invoice: finalizeByItself,
} satisfies Record<TimerKind, (turn: Turn, id: string) => void>

/** Runs every rule whose time (unix seconds) has come, earliest first. A rule may set the next timer. */
export function runDueTimers(turn: Turn): void {
  const next = turn.store.db.prepare('SELECT * FROM timers WHERE due_at <= ? ORDER BY due_at LIMIT 1')
  const remove = turn.store.db.prepare('DELETE FROM timers WHERE kind = ? AND object_id = ?')
  for (;;) {
    const row = next.get(turn.now) as { kind: TimerKind; object_id: string } | undefined
    if (!row) return
    remove.run(row.kind, row.object_id)
    rules[row.kind](turn, row.object_id)
  }
}
