import type { Trx } from '../db/tables.ts'
import type { Fact } from '../log/facts.ts'
import type { Snapshot } from '../session/session.ts'
import { access } from './access.ts'
import { customers } from './customers.ts'
import { discounts } from './discounts.ts'
import { erasedTenants } from './erased-tenants.ts'
import { invoiceItems } from './invoice-items.ts'
import { invoices } from './invoices.ts'
import { onboardingSessions } from './onboarding-sessions.ts'
import { pauses } from './pauses.ts'
import { paymentMethods } from './payment-methods.ts'
import { people } from './people.ts'
import { prices } from './prices.ts'
import { products } from './products.ts'
import type { Projection } from './projection.ts'
import { rateCards } from './rate-cards.ts'
import { stripeEvents } from './stripe-events.ts'
import { subscriptions } from './subscriptions.ts'
import { usageDecisions } from './usage-decisions.ts'
import { usageLines } from './usage-lines.ts'
import { usageRecords } from './usage-records.ts'
import { usageSums } from './usage-sums.ts'
import { windowDues } from './window-dues.ts'
import { windows } from './windows.ts'

/** In the order in which they see a fact: people come after the customers, invoices come after the subscriptions and before the usage that they bill, sums after the records. */
export const projections: readonly Projection[] = [
  onboardingSessions,
  customers,
  people,
  products,
  prices,
  discounts,
  subscriptions,
  invoices,
  invoiceItems,
  paymentMethods,
  rateCards,
  usageRecords,
  usageSums,
  windows,
  windowDues,
  usageLines,
  pauses,
  usageDecisions,
  access,
  stripeEvents,
  erasedTenants,
]

/**
 * Folds facts, in the order of the log, into every table that listens to their types.
 * @param snapshot of a session after its one fact, where it was evolved already
 */
export async function project(trx: Trx, facts: readonly Fact[], snapshot?: Snapshot): Promise<void> {
  for (const run of runsOf(facts))
    for (const apply of listeners.get(run[0]?.type ?? '') ?? []) await apply(trx, run, snapshot)
}

/** Facts one by one, but for those in a row of a type that some table folds in runs. */
function runsOf(facts: readonly Fact[]): Fact[][] {
  const runs: Fact[][] = []
  for (const fact of facts) {
    const last = runs.at(-1)
    if (last?.[0]?.type === fact.type && inRuns.has(fact.type)) last.push(fact)
    else runs.push([fact])
  }
  return runs
}

type Listener = (trx: Trx, run: readonly Fact[], snapshot?: Snapshot) => Promise<void>

const inRuns = new Set<string>()
const listeners = new Map<string, Listener[]>()
const listen = (type: string, listener: Listener) =>
  listeners.set(type, [...(listeners.get(type) ?? []), listener])
for (const { on, runs = {} } of projections) {
  for (const [type, apply] of Object.entries(on))
    listen(type, async (trx, run, snapshot) => {
      for (const fact of run) await apply(trx, fact as never, snapshot)
    })
  for (const [type, apply] of Object.entries(runs)) {
    inRuns.add(type)
    listen(type, apply as Listener)
  }
}
