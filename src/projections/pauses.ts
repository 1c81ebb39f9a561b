import type { Trx } from '../db/tables.ts'
import type { Sighting } from '../log/sighting.ts'
import { onStripeObject, type Projection } from './projection.ts'
import { saveRow } from './save-row.ts'

/**
 * The time in which a subscription's collection was paused: from when we learned of it (the subscription itself bears no such
 * time) until we learned that it is over. The end of the subscription does not end it.
 */
export const pauses: Projection = {
  table: 'billing_pauses',
  primaryKey: 'pause_id',
  on: {
    ...onStripeObject(['subscription'], show),
    'usage.lines_made': async (trx, { tenant_id, data, occurred_at, position }) => {
      if (data.moment !== 'pause') return
      await trx
        .updateTable('billing_pauses')
        .set({ billed_at: occurred_at, last_position: position })
        .where('tenant_id', '=', tenant_id)
        .where('subscription_id', '=', data.subscription_id)
        .where('billed_at', 'is', null)
        .execute()
    },
  },
}

async function show(trx: Trx, sighting: Sighting<'subscription'>): Promise<void> {
  const { objectId, tenantId, recordedAt, position } = sighting
  const subscription = await trx
    .selectFrom('billing_subscriptions')
    .select('is_collection_paused')
    .where('subscription_id', '=', objectId)
    .executeTakeFirst()
  if (subscription === undefined || tenantId === null) return
  const isPaused = subscription.is_collection_paused === 1
  const open = await trx
    .selectFrom('billing_pauses')
    .selectAll()
    .where('tenant_id', '=', tenantId)
    .where('subscription_id', '=', objectId)
    .where('resumed_at', 'is', null)
    .executeTakeFirst()
  if (isPaused === (open !== undefined)) return
  const pause = open ?? {
    // One turn may show a pause, its end and another.
    pause_id: `${objectId}:${position}`,
    tenant_id: tenantId,
    subscription_id: objectId,
    paused_at: recordedAt,
    billed_at: null,
  }
  const resumed_at = isPaused ? null : recordedAt
  await saveRow(trx, 'billing_pauses', 'pause_id', { ...pause, resumed_at, last_position: position })
}
