import { z } from 'zod'
import { type AppContext, requireStripe } from '../../context.ts'
import { resourceId } from '../../db/fields.ts'
import { InvalidRequest } from '../../errors.ts'
import { type PriceTerms, resolvePrice } from '../../inbox/catalogue/price-terms.ts'
import { takeIn } from '../../inbox/take-in.ts'
import type { Caller } from '../../log/by.ts'
import type { Subscription, SubscriptionRow } from '../../views/subscriptions.ts'
import { assertRunning, modify } from './modify.ts'

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
  const stripe = requireStripe(context)
  return modify(context, by, subscriptionId, {
    operation: 'change_plan',
    clientKey,
    isSame: (params) =>
      params.proration_behavior === proration_behavior &&
      (params.items as { price: string }[])[0]?.price === price_id,
    prepare: () => resolvePrice(stripe, price_id),
    async decide(row, { turn, prepared: price }) {
      assertRunning(row, 'changed')
      assertSameCurrency(row, price)
      await takeIn(turn, price.observations, { cause: `${subscriptionId}:change_plan:${turn.now}` })
      if (row.price_id === price_id) return null
      return {
        items: itemsOf(row, price_id),
        proration_behavior,
        payment_behavior: 'error_if_incomplete',
        metadata: { plan_id: price.plan_id },
      }
    },
  })
}

/** @throws InvalidRequest: Stripe bills a subscription in one currency for ever */
export function assertSameCurrency(row: SubscriptionRow, price: PriceTerms): void {
  if (row.currency !== price.currency)
    throw new InvalidRequest([
      { path: 'price_id', message: `is in ${price.currency}; the subscription is in ${row.currency}` },
    ])
}

/** The subscription's one item, at another price. */
export const itemsOf = (row: SubscriptionRow, priceId: string) => [{ id: row.item_id, price: priceId }]
