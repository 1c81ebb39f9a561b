import type { Trx } from '../db/tables.ts'
import { enqueue } from '../effects/outbox.ts'
import { type StripeObjectType, streams } from '../log/facts.ts'

/**
 * Asks for an object to be fetched from Stripe and recorded. Returns the effect's id. The same cause asks once.
 * @param dueAt when at the earliest; default now
 */
export async function enqueueRefresh(
  trx: Trx,
  seen: { objectType: StripeObjectType; objectId: string; tenantId: string | null },
  cause: string,
  now: string,
  dueAt = now,
): Promise<string> {
  const effectId = `refresh:${seen.objectId}:${cause}`
  const stream = seen.tenantId === null ? streams.stripe : streams.billing(seen.tenantId)
  const params = { objectType: seen.objectType, objectId: seen.objectId }
  await enqueue(
    trx,
    { effectId, tenantId: seen.tenantId, stream, kind: 'refresh_object', params },
    dueAt,
    now,
  )
  return effectId
}
