import { type AppContext, requireStripe } from '../context.ts'
import { type EffectHandler, FinalFailure } from '../effects/handler.ts'
import { StripeFailure } from '../stripe/failure.ts'
import type { Observation } from '../stripe/gateway.ts'
import { takeIn } from './take-in.ts'

/** Carries out what `enqueueRefresh` asks for. */
export const refreshObject = (
  context: Pick<AppContext, 'stripe'>,
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
  async done(turn, { effectId, tenantId }, observation) {
    await takeIn(turn, [observation], { cause: effectId, tenantId })
  },
})
