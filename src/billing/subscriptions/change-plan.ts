import { z } from 'zod'
import { type AppContext, requireStripe } from '../../context.ts'
import { resourceId } from '../../db/fields.ts'
import { InvalidRequest } from '../../errors.ts'
import { type PriceTerms, resolvePrice } from '../../inbox/catalogue/price-terms.ts'
import { takeIn } from '../../inbox/take-in.ts'
import type { Caller } from '../../log/by.ts'
import { assertRunning, decidePlan } from '../../outbox/requests/change-subscription.ts'
import { orderedIn } from '../../outbox/requests/create-subscription.ts'
import type { CallParams } from '../../stripe/call.ts'
import type { Subscription, SubscriptionRow } from '../../views/subscriptions.ts'
import { modify } from './modify.ts'

export const PlanChange = z.strictObject({
  price_id: resourceId,
  proration_behavior: z.enum(['create_prorations', 'always_invoice', 'none']).default('create_prorations'),
})
export type PlanChange = z.infer<typeof PlanChange>

/**
 * Moves a subscription to another price. Where that is to be paid at once (another interval, `always_invoice`) and
 * cannot be, nothing changes.
 * @throws NotFound; InvalidRequest on `price_id`; AppError conflict, card_declined
 */
export async function changePlan(
  context: AppContext,
  by: Caller,
  subscriptionId: string,
  change: PlanChange & { clientKey: string | undefined },
): Promise<Subscription> {
  const { price_id, proration_behavior, clientKey } = change
  const price = await resolvePrice(requireStripe(context), price_id)
  const isSame = (params: CallParams) =>
    params.proration_behavior === proration_behavior && orderedIn(params).priceId === price_id
  return modify(
    context,
    by,
    subscriptionId,
    { operation: 'change_plan', clientKey, isSame },
    async (row, turn) => {
      assertRunning(row, 'changed')
      assertSameCurrency(row, price)
      await takeIn(turn, price.observations, { cause: `${subscriptionId}:change_plan:${turn.now}` })
      const wanted = { priceId: price_id, planId: price.plan_id, prorationBehavior: proration_behavior }
      return decidePlan(row, wanted)
    },
  )
}

/** @throws InvalidRequest: Stripe bills a subscription in one currency for ever */
export function assertSameCurrency(row: SubscriptionRow, price: PriceTerms): void {
  if (row.currency !== price.currency)
    throw new InvalidRequest([
      { path: 'price_id', message: `is in ${price.currency}; the subscription is in ${row.currency}` },
    ])
}
