import type { Reader, Row } from '../db/tables.ts'
import { afterDiscounts } from '../pricing/discount-cents.ts'
import { ppmOf } from '../projections/read-value.ts'
import { discountsIn } from '../projections/subscription-discounts.ts'
import type { Subscription } from './known.ts'

/** What a renewal has on it that is not ours, in cents: the plan after discount, and what waits at Stripe for it. */
export type Renewal = { planCents: number; pendingCents: number }

/** An item that waits at Stripe for a renewal, such as a proration; cents before discounts. */
export type Pending = Pick<Row<'billing_invoice_items'>, 'amount_cents' | 'product_id' | 'is_discountable'>

/**
 * The renewal of a subscription at that time, after the discounts that are in force then. They lower what waits at Stripe as
 * well, where that is discountable.
 * @param at UTC ISO 8601
 * @param pending what waits at Stripe, where it is not what the tables say
 */
export async function renewalOf(
  reader: Reader,
  subscription: Subscription,
  at: string,
  pending?: readonly Pending[],
): Promise<Renewal> {
  // Weeks are renewed in between: what waits is on the first of them.
  const isNext = at === subscription.current_period_end
  const items = isNext ? (pending ?? (await pendingItems(reader, subscription))) : []
  const [lowered, others] = [items.filter(isDiscountable), items.filter((item) => !isDiscountable(item))]
  const amounts = [
    ...lowered.map(({ amount_cents, product_id }) => ({ cents: amount_cents, productId: product_id })),
    { cents: subscription.amount_cents ?? 0, productId: subscription.product_id },
  ]
  const left = afterDiscounts(amounts, discountsAt(subscription, at, isNext))
  const planCents = left.at(-1) ?? 0
  const waiting = others.reduce((sum, { amount_cents }) => sum + amount_cents, 0)
  return { planCents, pendingCents: left.slice(0, -1).reduce((sum, cents) => sum + cents, waiting) }
}

/** Stripe takes a used up discount off the subscription; one that ends, or is used up, before that renewal lowers it no more. */
function discountsAt({ discounts, product_id }: Subscription, at: string, isNext: boolean) {
  const isUsedBefore = ({ duration, product_ids }: ReturnType<typeof discountsIn>[number]) =>
    duration === 'once' && !isNext && (product_ids === null || product_ids.includes(product_id ?? ''))
  return discountsIn(discounts)
    .filter(({ ends_at }) => ends_at === null || ends_at > at)
    .filter((discount) => !isUsedBefore(discount))
    .map(({ percent_off, amount_off_cents, product_ids }) => ({
      ...{ percent_off_ppm: ppmOf(percent_off), amount_off_cents, product_ids },
    }))
}

const isDiscountable = ({ is_discountable }: Pending) => is_discountable === 1

/** Prorations of a change and the like, as far as Stripe has shown them. */
const pendingItems = (reader: Reader, { subscription_id }: Subscription): Promise<Pending[]> =>
  reader
    .selectFrom('billing_invoice_items')
    .select(['amount_cents', 'product_id', 'is_discountable'])
    .where('subscription_id', '=', subscription_id)
    .where('invoice_id', 'is', null)
    .where('is_deleted', '=', 0)
    .orderBy('item_id')
    .execute()
