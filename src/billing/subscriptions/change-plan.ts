import { z } from 'zod'
import { type AppContext, requireStripe } from '../../context.ts'
import { resourceId } from '../../db/fields.ts'
import { InvalidRequest } from '../../errors.ts'
import { type PriceTerms, resolvePrice } from '../../inbox/catalogue/price-terms.ts'
import { assertRunning, decidePlan, type PlanWanted } from '../../outbox/requests/change-subscription.ts'
import { orderedIn } from '../../outbox/requests/create-subscription.ts'
import type { SubscriptionRow } from '../../views/subscriptions.ts'
import type { Change } from './modify.ts'

export const PlanChange = z.strictObject({
  price_id: resourceId,
  proration_behavior: z.enum(['create_prorations', 'always_invoice', 'none']).default('create_prorations'),
})
export type PlanChange = z.infer<typeof PlanChange>

/**
 * Moves a subscription to another price. Where that is to be paid at once (another interval, `always_invoice`) and
 * cannot be, nothing changes. Its `decide` throws AppError conflict, and InvalidRequest on `price_id`.
 * @throws InvalidRequest on `price_id`
 */
export async function planChange(
  context: AppContext,
  { price_id, proration_behavior }: Pick<PlanChange, 'price_id' | 'proration_behavior'>,
): Promise<Change & { price: PriceTerms; wanted: PlanWanted }> {
  const price = await resolvePrice(requireStripe(context), price_id)
  const wanted = {
    ...{ priceId: price_id, planId: price.plan_id, prorationBehavior: proration_behavior },
    ...{ interval: price.billing_interval, intervalCount: price.billing_interval_count },
  }
  return {
    operation: 'change_plan',
    isSame: (params) =>
      params.proration_behavior === proration_behavior && orderedIn(params).priceId === price_id,
    seen: price.observations,
    decide(row) {
      assertRunning(row, 'changed')
      assertSameCurrency(row, price)
      return decidePlan(row, wanted)
    },
    ...{ price, wanted },
  }
}

/** @throws InvalidRequest: Stripe bills a subscription in one currency for ever */
function assertSameCurrency(row: SubscriptionRow, price: PriceTerms): void {
  if (row.currency !== price.currency)
    throw new InvalidRequest([
      { path: 'price_id', message: `is in ${price.currency}; the subscription is in ${row.currency}` },
    ])
}
