import type { Fact } from '../log/facts.ts'
import { maskValue } from '../logging/mask.ts'
import { aboutOf } from './about.ts'

/**
 * A fact for an operator's screen: that there is personal data is shown as `personal: '[personal]'`, and not what it is. What
 * is sealed in no fact was empty, and is left out.
 */
export type RedactedFact = Omit<Fact, 'data' | 'metadata' | 'sealed'> & {
  data: Record<string, unknown>
  metadata: Record<string, string>
  /** See `aboutOf`. */
  about: string | null
}

export function redact({ sealed: _, ...fact }: Fact): RedactedFact {
  const { personal, ...data } = fact.data as Record<string, unknown>
  const shown = maskValue(data)
  return {
    ...fact,
    data: fact.subject === null || personal === undefined ? shown : { ...shown, personal: '[personal]' },
    metadata: fact.metadata as Record<string, string>,
    about: aboutOf(fact),
  }
}
