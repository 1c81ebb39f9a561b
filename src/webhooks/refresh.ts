import { recordCatalogue } from '../billing/catalogue.ts'
import { type AppContext, requireStripe } from '../context.ts'
import type { Trx } from '../db/tables.ts'
import { type Effect, enqueue } from '../effects/outbox.ts'
import { type EffectHandler, FinalFailure } from '../effects/runner.ts'
import { type StripeObjectType, streams } from '../log/facts.ts'
import { recordAnswer } from '../onboarding/calls.ts'
import { StripeFailure } from '../stripe/failure.ts'
import type { Observation } from '../stripe/gateway.ts'
import { ownerOf } from './owner.ts'

const by = { actor: 'worker' }

/** Asks for an object to be fetched from Stripe and recorded. Returns the effect's id. */
export async function enqueueRefresh(
  trx: Trx,
  seen: { objectType: StripeObjectType; objectId: string; tenantId: string | null },
  cause: string,
  now: string,
): Promise<string> {
  const effectId = `refresh:${seen.objectId}:${cause}`
  const stream = seen.tenantId === null ? streams.stripe : streams.billing(seen.tenantId)
  const params = { objectType: seen.objectType, objectId: seen.objectId }
  await enqueue(trx, { effectId, tenantId: seen.tenantId, stream, kind: 'refresh_object', params }, now, now)
  return effectId
}

export const refreshObject = (context: Pick<AppContext, 'stripe'>): EffectHandler => ({
  async run({ params }) {
    try {
      const { observation } = await requireStripe(context).fetch(
        params.objectType as StripeObjectType,
        String(params.objectId),
      )
      return observation
    } catch (error) {
      if (!(error instanceof StripeFailure)) throw error
      // Gone without a trace, as after Stripe has deleted test data: the rows stay as they were.
      throw error.isFinal ? new FinalFailure(error, error.toAppError()) : error.toAppError()
    }
  },
  async done(trx: Trx, effect: Effect, observation: Observation, now: string) {
    const { objectType, object } = observation
    if (['product', 'price', 'coupon', 'promotion_code'].includes(objectType)) {
      await recordCatalogue(trx, [observation], effect.effectId, now, by)
      return
    }
    const { tenantId, conflict } = await ownerOf(trx, objectType, { object: object as never })
    const owner = effect.tenantId ?? (conflict === null ? tenantId : null)
    if (owner !== null) await recordAnswer(trx, owner, observation, effect.effectId, now)
  },
})
