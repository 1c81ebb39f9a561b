import type { Trx } from '../db/tables.ts'
import { enqueue } from '../effects/effects.ts'
import { streams } from '../log/facts.ts'
import type { StripeObjectType } from '../stripe/object-types.ts'

/**
 * Asks for an object to be fetched from Stripe and recorded. Returns the effect's id. Where an earlier question about
 * the object has not been put yet, it answers for this one too: webhooks come in bursts.
 */
export async function enqueueRefresh(
  trx: Trx,
  seen: { objectType: StripeObjectType; objectId: string; tenantId: string | null },
  cause: string,
  now: string,
): Promise<string> {
  const stream = seen.tenantId === null ? streams.stripe : streams.billing(seen.tenantId)
  const kind = 'refresh_object'
  const params = { objectType: seen.objectType, objectId: seen.objectId }
  const waiting = await trx
    .selectFrom('effects')
    .select('effect_id')
    .where('stream', '=', stream)
    .where('status', '=', 'pending')
    .where('claimed_until', 'is', null)
    .where('kind', '=', kind)
    // By its parameters, which `enqueue` keeps as they are here: a range of ids is another one in each collation.
    .where('params', '=', JSON.stringify(params))
    .executeTakeFirst()
  if (waiting !== undefined) return waiting.effect_id
  const effectId = `refresh:${seen.objectId}:${cause}`
  await enqueue(trx, { effectId, tenantId: seen.tenantId, stream, kind, params }, now, now)
  return effectId
}
