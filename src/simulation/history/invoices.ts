import type { Sighting } from '../../log/sighting.ts'
import { keyInMetadata } from '../../stripe/call.ts'
import type { StripeObjects } from '../../stripe/object-types.ts'
import type { InvoiceNames } from './invoice-names.ts'
import { itemOf } from './pending-items.ts'
import { instantOf, type Teller, type Told } from './telling.ts'

type Invoice = StripeObjects['invoice']
type InvoiceLine = Invoice['lines']['data'][number]

/** The product of the base that goes with our call that makes a subscription. */
const ownProduct = 'stepledger_usage'

/**
 * Invoices of Stripe's as they were first seen, and what became of them and of ours: each outcome where it was first
 * recorded, whatever the order, and a failure again where it turns out to be earlier.
 */
export function invoiceEntries(names: InvoiceNames): Teller {
  const seen = new Set<string>()
  const outcomes = new Set<string>()
  const failures = new Map<string, number>()
  return (_fact, sighting) => {
    if (sighting?.objectType !== 'invoice') return []
    const { object, objectId, isDeleted } = sighting as Sighting<'invoice'>
    const invoice = names.of(objectId)
    const told: Told[] = []
    if (!seen.has(objectId) && !names.isOurs(objectId) && !isDeleted) told.push(creationOf(object))
    seen.add(objectId)
    for (const outcome of isDeleted
      ? [{ kind: 'deleted', invoice } as const]
      : outcomesOf(sighting, invoice)) {
      if (outcome.kind === 'payment_failed') {
        if ((failures.get(objectId) ?? Number.POSITIVE_INFINITY) <= outcome.failedAt) continue
        failures.set(objectId, outcome.failedAt)
      } else if (outcomes.has(`${objectId} ${outcome.kind}`)) continue
      outcomes.add(`${objectId} ${outcome.kind}`)
      told.push(outcome)
    }
    return told
  }
}

function creationOf(object: Invoice): Told {
  const ofPlan = object.lines.data.find(isOfPlan)
  const renews = object.billing_reason === 'subscription_cycle' && ofPlan !== undefined
  const ours = object.lines.data.filter(isOurs).reduce((sum, { amount }) => sum + amount, 0)
  return {
    kind: 'invoice_created',
    invoice: object.id,
    subscription: subscriptionOf(object),
    reason: object.billing_reason === 'subscription_create' ? 'create' : renews ? 'renewal' : 'other',
    boundary: instantOf(ofPlan?.period.start),
    createdAt: instantOf(object.created),
    draft: object.status === 'draft',
    planCents: object.total - ours,
  }
}

function outcomesOf(
  { object, event, asOf }: Sighting,
  invoice: string,
): Extract<Told, { invoice: string }>[] {
  const { status, attempted, attempt_count: attempts, ...of } = object as Invoice
  // Below zero is the customer's money.
  const balanceCents = (of.ending_balance ?? of.starting_balance) - of.starting_balance
  const told: Extract<Told, { invoice: string }>[] = []
  if (status !== 'draft') told.push({ kind: 'finalized', invoice, balanceCents })
  if (event?.type === 'invoice.payment_failed' || (status === 'open' && attempted && attempts > 0))
    told.push({ kind: 'payment_failed', invoice, failedAt: instantOf(asOf) })
  if (status === 'paid') told.push({ kind: 'paid', invoice, balanceCents })
  if (status === 'void') told.push({ kind: 'voided', invoice })
  if (status === 'uncollectible') told.push({ kind: 'uncollectible', invoice })
  return told
}

function subscriptionOf({ parent }: Invoice): string | null {
  const subscription = parent?.subscription_details?.subscription
  return typeof subscription === 'string' ? subscription : (subscription?.id ?? null)
}

/** The price of a period: no proration, no item. */
function isOfPlan(line: InvoiceLine): boolean {
  return line.parent?.type === 'subscription_item_details' && itemOf(line) === null
}

export function isOurs(line: InvoiceLine): boolean {
  const product = line.pricing?.price_details?.product
  return line.metadata[keyInMetadata] !== undefined || product === ownProduct
}
