import type Stripe from 'stripe'
import type { Trx } from '../db/tables.ts'
import { type Fact, type NewFact, streams } from '../log/facts.ts'
import { factById } from '../log/read.ts'
import { record } from '../projections/record.ts'
import { tellSession } from './tell-session.ts'

const by = { actor: 'stripe' }

/** A customer has become a tenant's: the events about it that came too early are applied now, oldest first. */
export async function releaseParked(
  trx: Trx,
  tenantId: string,
  customerId: string,
  now: string,
): Promise<void> {
  const parked = await trx
    .selectFrom('stripe_events')
    .select('event_id')
    .where('disposition', '=', 'parked')
    .where('customer_id', '=', customerId)
    .orderBy('created_at')
    .orderBy('event_id')
    .execute()
  for (const { event_id } of parked) {
    const { data, occurred_at } = (await factById(trx, event_id)) as Fact<'stripe.event_received'>
    const { event_type, object_type, object_id, customer_id, created, personal } = data
    const fact: NewFact<'stripe.event_released'> = {
      fact_id: `release:${event_id}`,
      type: 'stripe.event_released',
      tenant_id: tenantId,
      data: { event_id, event_type, object_type, object_id, customer_id, created, personal },
      metadata: { ...by, causation: event_id },
      occurred_at,
    }
    await record(trx, streams.billing(tenantId), 'any', [fact], now)
    const event = personal.event as unknown as Stripe.Event
    await tellSession(trx, fact, event.data.object, { by, now })
  }
}
