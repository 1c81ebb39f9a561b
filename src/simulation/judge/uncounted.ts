import type { Fact } from '../../log/facts.ts'
import type { Entry, History } from '../model.ts'

/**
 * The service keeps what a window owes as it was last counted, and counts again when it makes lines: until then the model
 * is ahead. Says of a number whether something has come since that it has not counted.
 */
export function uncounted(history: History, facts: readonly Fact[]): (number: string) => boolean {
  const counted = new Map<string, number>()
  for (const fact of facts)
    if (fact.type === 'usage.window_closed' || fact.type === 'usage.lines_made')
      counted.set(fact.data.subscription_id, fact.position)
  return (number) => {
    const [, subscription = '', type = ''] =
      /^window (\S+) \S+ (\S+) (due|quantity|state)$/.exec(number) ?? []
    if (subscription === '') return false
    const position = counted.get(subscription) ?? 0
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
