import { type AppContext, requireStripe } from '../context.ts'
import type { Trx } from '../db/tables.ts'
import type { Effect } from '../effects/effects.ts'
import { type EffectHandler, FinalFailure } from '../effects/handler.ts'
import { StripeFailure } from '../stripe/failure.ts'
import type { Observation } from '../stripe/gateway.ts'
import type { StripeObjectType } from '../stripe/object-types.ts'
import { recordCatalogue } from './catalogue/catalogue.ts'
import { ownerOf } from './owner.ts'
import { takeIn } from './take-in.ts'

const by = { actor: 'worker' }

/** Carries out what `enqueueRefresh` asks for. */
export const refreshObject = (context: Pick<AppContext, 'stripe' | 'log'>): EffectHandler => ({
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
    const { tenantId, customerId, conflict } = await ownerOf(trx, objectType, { object: object as never })
    const owner = effect.tenantId ?? (conflict === null ? tenantId : null)
    if (owner === null) return
    const about = { tenantId: owner, customerId, cause: effect.effectId, now, log: context.log }
    await takeIn(trx, observation, about)
  },
})
