import type { Logger } from 'pino'
import type Stripe from 'stripe'
import type { Trx } from '../db/tables.ts'
import type { Turn, TurnFact } from '../effects/turn.ts'
import type { StripeObjectType } from '../stripe/object-types.ts'
import { enqueueRefresh } from './enqueue-refresh.ts'
import { invoiceUsage } from './invoice-usage.ts'
import { mirrorOf } from './mirror.ts'
import { tellSessions } from './sessions/tell-sessions.ts'

const by = { actor: 'stripe' }

/** A fact that applies an event of the pinned API version, or of whatever version where `asksAgain`. */
type AppliedFact = TurnFact<'stripe.event_received' | 'stripe.event_released'>

/**
 * Records an event, tells the sessions, puts usage on a renewal's draft, and asks Stripe for the object where the event
 * alone does not say how it stands. Returns whether the log did not have the event already.
 * @param options.asksAgain whatever the event says
 */
export async function applyEvent(
  turn: Turn,
  stream: string,
  fact: AppliedFact,
  options: { asksAgain: boolean; log?: Logger },
): Promise<boolean> {
  const { trx } = turn
  const { event_id, event_type, object_id, customer_id } = fact.data
  const objectType = fact.data.object_type as StripeObjectType
  const before = await mirrorOf(trx, objectType, object_id)
  const [recorded] = await turn.record(stream, [fact])
  if (recorded === undefined) return false
  const { object } = (fact.data.event as unknown as Stripe.Event).data
  const seen = { objectType, object, tenantId: fact.tenant_id, customerId: customer_id }
  const stripe = turn.as(by)
  await tellSessions(stripe, { ...seen, isDeleted: event_type === 'customer.deleted' }, event_id)
  if (objectType === 'invoice' && fact.tenant_id !== null)
    await invoiceUsage(stripe, { tenantId: fact.tenant_id, object, cause: event_id }, options.log)
  await askIfUnsure(stripe, fact, seen, before, options)
  return true
}

async function askIfUnsure(
  turn: Turn,
  fact: AppliedFact,
  seen: { objectType: StripeObjectType; tenantId: string | null },
  before: { as_of: number } | undefined,
  options: { asksAgain: boolean },
): Promise<void> {
  const { event_id, event_type, object_id, created } = fact.data
  // Two events of one second cannot be ordered: Stripe is asked what is true. A `created` is never the later one.
  const isTie = before?.as_of === created && !event_type.endsWith('.created')
  if (options.asksAgain || isTie || (await lacksTerms(turn.trx, seen.objectType, object_id)))
    await enqueueRefresh(turn, { ...seen, objectId: object_id }, event_id)
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
