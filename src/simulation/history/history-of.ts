import type { Reader } from '../../db/tables.ts'
import type { Fact } from '../../log/facts.ts'
import { type Sighting, sightingIn } from '../../log/sighting.ts'
import type { History } from '../model.ts'
import { invoiceNames } from './invoice-names.ts'
import { invoiceEntries } from './invoices.ts'
import { linesEntries } from './lines.ts'
import { subscriptionEntries } from './subscriptions.ts'
import { type Told, telling } from './telling.ts'
import { usageEntries } from './usage.ts'

export type Retold = {
  history: History
  /** How the model calls an invoice, by its id at Stripe. */
  nameOf: (invoiceId: string) => string
}

/**
 * What callers did and what Stripe showed, in the model's words, of the facts of one tenant and of the rate cards. What
 * the service made of it is left out, but for the names of its own invoices.
 * @param facts in the order of the log
 * @param nameOf the model's name of an invoice of ours, by the key that it was made under
 */
export function historyOf(
  reader: Reader,
  facts: readonly Fact[],
  nameOf: (key: string) => string | undefined,
): Retold {
  const names = invoiceNames(nameOf)
  const tellers = [usageEntries(), subscriptionEntries(), invoiceEntries(names), linesEntries(names)]
  const history = facts.flatMap((fact) => {
    const sighting = applied(sightingIn(reader, fact))
    names.see(sighting)
    return telling(
      fact,
      tellers.flatMap((tell): Told[] => tell(fact, sighting)),
    )
  })
  return { history, nameOf: names.of }
}

/** What was not applied stands in the log alone, and nobody has learned anything by it. */
function applied(sighting: Sighting | undefined): Sighting | undefined {
  return sighting?.disposition === 'applied' ? sighting : undefined
}
