import { type AppContext, requireStripe } from '../context.ts'
import { type EffectHandler, FinalFailure } from '../effects/handler.ts'
import type { Turn } from '../effects/turn.ts'
import { streams } from '../log/facts.ts'
import { StripeFailure } from '../stripe/failure.ts'
import type { Observation } from '../stripe/gateway.ts'
import { enqueueRefresh } from './enqueue-refresh.ts'
import { takeIn } from './take-in.ts'

/** Asks for all that Stripe has of a customer since then (unix seconds): what no event has told of is found by a list. */
export const enqueueList = (
  turn: Turn,
  { customerId, tenantId, since }: { customerId: string; tenantId: string; since: number },
  cause: string,
) =>
  turn.enqueue({
    effectId: `list:${customerId}:${cause}`,
    tenantId,
    stream: streams.billing(tenantId),
    kind: 'list_customer',
    params: { customer_id: customerId, since },
  })

/** Carries out what `enqueueList` asks for: the objects come in by the same door as an answer about each would. */
export const listCustomer = (
  context: Pick<AppContext, 'stripe'>,
): EffectHandler<'list_customer', Observation[]> => ({
  async run({ params }) {
    try {
      return await requireStripe(context).objectsOf(params.customer_id, params.since)
    } catch (error) {
      if (!(error instanceof StripeFailure)) throw error
      // Gone at Stripe: the customer, and what is known of it, are asked for one by one.
      throw error.isFinal ? new FinalFailure(error, error.toAppError()) : error.toAppError()
    }
  },

  async done(turn, { effectId, tenantId, params }, observations) {
    if (tenantId === null) return
    const { customer_id: customerId } = params
    await takeIn(turn, observations, { cause: effectId })
    // A detached card is on no list of the customer's.
    const listed = new Set(observations.map(({ objectId }) => objectId))
    const cards = await turn.trx
      .selectFrom('billing_payment_methods')
      .select('payment_method_id')
      .where('customer_id', '=', customerId)
      .where('detached_at', 'is', null)
      .execute()
    for (const { payment_method_id: objectId } of cards)
      if (!listed.has(objectId))
        await enqueueRefresh(turn, { objectType: 'payment_method', objectId, tenantId }, effectId)
  },
})
