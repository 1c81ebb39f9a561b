import type { Logger } from 'pino'
import type Stripe from 'stripe'
import type { Trx } from '../db/tables.ts'
import type { Fact, NewFact } from '../log/facts.ts'
import { record } from '../projections/record.ts'
import type { StripeObjectType } from '../stripe/object-types.ts'
import { enqueueRefresh } from './enqueue-refresh.ts'
import { invoiceUsage } from './invoice-usage.ts'
import { mirrorOf } from './mirror.ts'
import { tellSessions } from './sessions/tell-sessions.ts'

const by = { actor: 'stripe' }

/** A fact that applies an event of the pinned API version, or of whatever version where `asksAgain`. */
type AppliedFact = NewFact<'stripe.event_received' | 'stripe.event_released'>

/**
 * Records an event, tells the sessions, puts usage on a renewal's draft, and asks Stripe for the object where the event
 * alone does not say how it stands. Returns the effects for that; undefined when the log has the event already.
 * @param options.asksAgain whatever the event says
 */
export async function applyEvent(
  trx: Trx,
  stream: string,
  fact: AppliedFact,
  now: string,
  options: { asksAgain: boolean; log?: Logger },
): Promise<string[] | undefined> {
  const { event_id, event_type, object_id, customer_id } = fact.data
  const objectType = fact.data.object_type as StripeObjectType
  const before = await mirrorOf(trx, objectType, object_id)
  const [recorded] = (await record(trx, stream, 'any', [fact], now)) as Fact[]
  if (recorded === undefined) return undefined
  const { object } = (fact.data.event as unknown as Stripe.Event).data
  const seen = { objectType, object, tenantId: fact.tenant_id, customerId: customer_id }
  await tellSessions(
    trx,
    { ...seen, isDeleted: event_type === 'customer.deleted' },
    { by, now, cause: event_id },
  )
  const items =
    objectType === 'invoice' && fact.tenant_id !== null
      ? await invoiceUsage(trx, { tenantId: fact.tenant_id, object, cause: event_id }, now, options.log)
      : []
  return [...items, ...(await askIfUnsure(trx, fact, seen, before, now, options))]
}

async function askIfUnsure(
  trx: Trx,
  fact: AppliedFact,
  seen: { objectType: StripeObjectType; tenantId: string | null },
  before: { as_of: number } | undefined,
  now: string,
  options: { asksAgain: boolean },
): Promise<string[]> {
  const { event_id, event_type, object_id, created } = fact.data
  // Two events of one second cannot be ordered: Stripe is asked what is true. A `created` is never the later one.
  const isTie = before?.as_of === created && !event_type.endsWith('.created')
  if (!options.asksAgain && !isTie && !(await lacksTerms(trx, seen.objectType, object_id))) return []
  return [await enqueueRefresh(trx, { ...seen, objectId: object_id }, event_id, now)]
}

/** An event has the ids of a subscription's discounts alone; what they take off decides about the next invoice. */
async function lacksTerms(trx: Trx, objectType: StripeObjectType, id: string): Promise<boolean> {
  if (objectType !== 'subscription') return false
  const row = await trx
    .selectFrom('billing_subscriptions')
    .select('discounts')
    .where('subscription_id', '=', id)
    .executeTakeFirst()
  const discounts = JSON.parse(row?.discounts ?? '[]') as { coupon_id: string | null }[]
  return discounts.some(({ coupon_id }) => coupon_id === null)
}
