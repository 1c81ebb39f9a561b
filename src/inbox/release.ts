import type Stripe from 'stripe'
import { inSavepoint } from '../db/savepoint.ts'
import type { Turn, TurnFact } from '../effects/turn.ts'
import { type Fact, streams } from '../log/facts.ts'
import { factById } from '../log/read.ts'
import type { StripeObjectType } from '../stripe/object-types.ts'
import { isPinned } from '../stripe/webhook.ts'
import { applyEvent } from './apply.ts'
import { faultReason, isFault } from './fault.ts'
import { ownerOf } from './owner.ts'

const stripe = { actor: 'stripe' }

/**
 * A customer has become a tenant's: the events about it that came too early are applied now, oldest first. One that names another tenant, or that cannot be interpreted,
 * is quarantined, as it would have been had it come later: the customer, and the others, must not wait for it.
 */
export async function releaseParked(turn: Turn, tenantId: string, customerId: string): Promise<void> {
  const { trx } = turn
  const parked = await trx
    .selectFrom('stripe_events')
    .select('event_id')
    .where('disposition', '=', 'parked')
    .where('customer_id', '=', customerId)
    .orderBy('created_at')
    .orderBy('event_id')
    .execute()
  for (const { event_id } of parked) {
    try {
      await inSavepoint(trx, () => releaseOne(turn, tenantId, event_id))
    } catch (error) {
      if (!isFault(error)) throw error
      await quarantine(turn, event_id, faultReason(error))
    }
  }
}

async function releaseOne(turn: Turn, tenantId: string, event_id: string): Promise<void> {
  const { trx } = turn
  const received = (await factById(trx, event_id)) as Fact<'stripe.event_received'>
  const event = received.data.event as unknown as Stripe.Event
  const { object_type } = received.data
  const { conflict } = await ownerOf(trx, object_type as StripeObjectType, event.data)
  if (conflict !== null) {
    await quarantine(turn, event_id, conflict)
    return
  }
  const fact: TurnFact<'stripe.event_released'> = {
    fact_id: `release:${event_id}`,
    type: 'stripe.event_released',
    tenant_id: tenantId,
    ...repeated(received),
    metadata: { causation: event_id },
  }
  // What another API version says is shown until the answer, which is newer, replaces it.
  const asksAgain = !isPinned(event)
  await applyEvent(turn.as(stripe), streams.billing(tenantId), fact, { asksAgain })
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

async function quarantine(turn: Turn, eventId: string, reason: string): Promise<void> {
  const fact: TurnFact<'stripe.event_quarantined'> = {
    fact_id: `quarantine:${eventId}`,
    type: 'stripe.event_quarantined',
    tenant_id: null,
    data: { event_id: eventId, reason },
    metadata: { causation: eventId },
  }
  await turn.as(stripe).record(streams.stripe, [fact])
}
