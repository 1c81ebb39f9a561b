import type Stripe from 'stripe'
import { inSavepoint } from '../db/savepoint.ts'
import type { Trx } from '../db/tables.ts'
import { type Fact, type NewFact, streams } from '../log/facts.ts'
import { factById } from '../log/read.ts'
import { record } from '../projections/record.ts'
import type { StripeObjectType } from '../stripe/object-types.ts'
import { isPinned } from '../stripe/webhook.ts'
import { applyEvent } from './apply.ts'
import { faultReason, isFault } from './fault.ts'
import { ownerOf } from './owner.ts'

/**
 * A customer has become a tenant's: the events about it that came too early are applied now, oldest first. What they
 * leave open is asked for by the effects that are returned. One that names another tenant, or that cannot be interpreted,
 * is quarantined, as it would have been had it come later: the customer, and the others, must not wait for it.
 */
export async function releaseParked(
  trx: Trx,
  tenantId: string,
  customerId: string,
  now: string,
): Promise<string[]> {
  const parked = await trx
    .selectFrom('stripe_events')
    .select('event_id')
    .where('disposition', '=', 'parked')
    .where('customer_id', '=', customerId)
    .orderBy('created_at')
    .orderBy('event_id')
    .execute()
  const refreshes: string[] = []
  for (const { event_id } of parked) {
    try {
      refreshes.push(...(await inSavepoint(trx, () => releaseOne(trx, tenantId, event_id, now))))
    } catch (error) {
      if (!isFault(error)) throw error
      await quarantine(trx, event_id, faultReason(error), now)
    }
  }
  return refreshes
}

async function releaseOne(trx: Trx, tenantId: string, event_id: string, now: string): Promise<string[]> {
  const received = (await factById(trx, event_id)) as Fact<'stripe.event_received'>
  const event = received.data.event as unknown as Stripe.Event
  const { object_type } = received.data
  const { conflict } = await ownerOf(trx, object_type as StripeObjectType, event.data)
  if (conflict !== null) {
    await quarantine(trx, event_id, conflict, now)
    return []
  }
  const fact: NewFact<'stripe.event_released'> = {
    fact_id: `release:${event_id}`,
    type: 'stripe.event_released',
    tenant_id: tenantId,
    ...repeated(received),
    metadata: { actor: 'stripe', causation: event_id },
  }
  // What another API version says is shown until the answer, which is newer, replaces it.
  const asksAgain = !isPinned(event)
  return (await applyEvent(trx, streams.billing(tenantId), fact, now, { asksAgain })) ?? []
}

/** What a fact says again that an event's first fact has said. What is sealed stays as it is. */
export function repeated({ data, subject, sealed, occurred_at }: Fact<'stripe.event_received'>) {
  const { event_id, event_type, object_type, object_id, customer_id, created, event } = data
  return {
    data: {
      ...{ event_id, event_type, object_type, object_id, customer_id, created, event },
      personal: data.personal ?? {},
    },
    sealed: { subject, sealed },
    occurred_at,
  }
}

async function quarantine(trx: Trx, eventId: string, reason: string, now: string): Promise<void> {
  const fact: NewFact<'stripe.event_quarantined'> = {
    fact_id: `quarantine:${eventId}`,
    type: 'stripe.event_quarantined',
    tenant_id: null,
    data: { event_id: eventId, reason },
    metadata: { actor: 'stripe', causation: eventId },
    occurred_at: now,
  }
  await record(trx, streams.stripe, 'any', [fact], now)
}
