import type { Cause } from '../ops/causes.ts'

/** The last few, for a screen; `--json` has all. */
export function causesText(facts: readonly Cause[]): string {
  const lines = facts.slice(-3).map(({ position, type, actor }) => `#${position} ${type} (${actor})`)
  return facts.length > 3 ? `… ${lines.join(', ')}; ${facts.length} in all` : lines.join(', ')
}
