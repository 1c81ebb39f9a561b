import type { Projection } from './projection.ts'
import { isoTime } from './projection.ts'
import { saveRow } from './save-row.ts'

/** What became of each event of Stripe's. */
export const stripeEvents: Projection = {
  table: 'stripe_events',
  primaryKey: 'event_id',
  on: {
    'stripe.event_received': (trx, { data, ...fact }) =>
      saveRow(trx, 'stripe_events', 'event_id', {
        event_id: data.event_id,
        tenant_id: fact.tenant_id,
        type: data.event_type,
        object_id: data.object_id,
        customer_id: data.customer_id,
        disposition: data.disposition,
        reason: data.reason,
        created_at: isoTime(data.created),
        received_at: fact.recorded_at,
        last_position: fact.position,
      }),
    'stripe.event_released': async (trx, { data, ...fact }) => {
      await trx
        .updateTable('stripe_events')
        .set({ tenant_id: fact.tenant_id, disposition: 'released', last_position: fact.position })
        .where('event_id', '=', data.event_id)
        .execute()
    },
    'stripe.event_quarantined': async (trx, { data, ...fact }) => {
      await trx
        .updateTable('stripe_events')
        .set({ disposition: 'quarantined', reason: data.reason, last_position: fact.position })
        .where('event_id', '=', data.event_id)
        .execute()
    },
  },
}
