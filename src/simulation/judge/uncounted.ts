import type { Fact } from '../../log/facts.ts'
import type { Entry, History } from '../model.ts'
import { windowName } from './numbers.ts'

/**
 * The service keeps what a window owes as it was last counted, and counts again when it makes lines: until then the model
 * is ahead. Says of a number whether something has come since that it has not counted.
 */
export function uncounted(history: History, facts: readonly Fact[]): (number: string) => boolean {
  const counted = new Map<string, number>()
  const count = (subscription: string, start: string, position: number) =>
    counted.set(windowName(subscription, start), position)
  for (const { type, data, position } of facts) {
    if (type === 'usage.window_closed') count(data.subscription_id, data.start, position)
    if (type === 'usage.lines_made')
      for (const { window_start } of data.counted) count(data.subscription_id, window_start, position)
  }
  return (number) => {
    const [, window = '', type = ''] = /^(window \S+ \S+) (\S+) (due|quantity|state)$/.exec(number) ?? []
    if (window === '') return false
    const position = counted.get(window) ?? 0
    return history.some((entry) => entry.position > position && concerns(entry, type, history))
  }
}

function concerns(entry: Entry, type: string, history: History): boolean {
  switch (entry.kind) {
    case 'usage':
    case 'usage_release':
      return entry.type === type
    case 'usage_void':
      return history.some(
        (other) => other.kind === 'usage' && other.record === entry.record && other.type === type,
      )
    case 'usage_claim':
      return (entry.type ?? type) === type
    case 'subscription':
      return true
    default:
      return false
  }
}
