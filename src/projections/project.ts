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

/** Folds one fact into every table that listens to its type. @param snapshot of a session after it, where it was evolved already */
export async function project(trx: Trx, fact: Fact, snapshot?: Snapshot): Promise<void> {
  for (const apply of listeners.get(fact.type) ?? []) await apply(trx, fact, snapshot)
}

type Listener = (trx: Trx, fact: Fact, snapshot?: Snapshot) => Promise<void>

const listeners = new Map<string, Listener[]>()
for (const projection of projections) {
  for (const [type, apply] of Object.entries(projection.on)) {
    const others = listeners.get(type) ?? []
    listeners.set(type, [...others, apply as Listener])
  }
}
