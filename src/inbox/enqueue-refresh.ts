import type { Turn } from '../effects/turn.ts'
import { streams } from '../log/facts.ts'
import type { StripeObjectType } from '../stripe/object-types.ts'

/**
 * Asks for an object to be fetched from Stripe and recorded. Where an earlier question about the object has not been put
 * yet, it answers for this one too: webhooks come in bursts.
 */
export async function enqueueRefresh(
  turn: Turn,
  of: { objectType: StripeObjectType; objectId: string; tenantId: string | null },
  cause: string,
): Promise<void> {
  const { objectType, objectId, tenantId } = of
  const stream = tenantId === null ? streams.stripe : streams.billing(tenantId)
  const kind = 'refresh_object'
  const params = { object_type: objectType, object_id: objectId }
  const waiting = await turn.trx
    .selectFrom('effects')
    .select('effect_id')
    .where('stream', '=', stream)
    .where('status', '=', 'pending')
    .where('claimed_until', 'is', null)
    .where('kind', '=', kind)
    // By its parameters, which are kept as they are here: a range of ids is another one in each collation.
    .where('params', '=', JSON.stringify(params))
    .executeTakeFirst()
  if (waiting !== undefined) return
  await turn.enqueue({ effectId: `refresh:${objectId}:${cause}`, tenantId, stream, kind, params })
}
