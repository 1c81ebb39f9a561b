import { type AppContext, requireStripe } from '../context.ts'
import { type EffectHandler, FinalFailure } from '../effects/handler.ts'
import { StripeFailure } from '../stripe/failure.ts'
import type { Observation } from '../stripe/gateway.ts'
import { recordCatalogue } from './catalogue/catalogue.ts'
import { ownerOf } from './owner.ts'
import { takeIn } from './take-in.ts'

/** Carries out what `enqueueRefresh` asks for. */
export const refreshObject = (
  context: Pick<AppContext, 'stripe' | 'log'>,
): EffectHandler<'refresh_object', Observation> => ({
  async run({ params }) {
    try {
      const { observation } = await requireStripe(context).fetch(params.object_type, params.object_id)
      return observation
    } catch (error) {
      if (!(error instanceof StripeFailure)) throw error
      // Gone without a trace, as after Stripe has deleted test data: the rows stay as they were.
      throw error.isFinal ? new FinalFailure(error, error.toAppError()) : error.toAppError()
    }
  },
  async done(turn, effect, observation) {
    const { objectType, object } = observation
    if (['product', 'price', 'coupon', 'promotion_code'].includes(objectType)) {
      await recordCatalogue(turn, [observation], effect.effectId)
      return
    }
    const { tenantId, customerId, conflict } = await ownerOf(turn.trx, objectType, {
      object: object as never,
    })
    const owner = effect.tenantId ?? (conflict === null ? tenantId : null)
    if (owner === null) return
    await takeIn(turn, observation, {
      tenantId: owner,
      customerId,
      cause: effect.effectId,
      log: context.log,
    })
  },
})
