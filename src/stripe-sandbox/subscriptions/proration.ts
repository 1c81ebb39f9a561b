import type Stripe from 'stripe'
import { roundHalfUp } from '../catalogue/price.ts'
import { makeInvoiceItem } from '../invoices/invoice-item.ts'
import { applyDiscounts, netAmount, productName, subscriptionLine } from '../invoices/invoice-line.ts'
import { idOf } from '../objects/ids.ts'
import type { Turn } from '../objects/turn.ts'

/**
 * Pending invoice items for what changes within the period, by the second: a credit for the unused part of what was
 * paid, a charge for the remaining part of the new price after its discounts. Answers how many were made.
 */
export function prorate(
  turn: Turn,
  before: Stripe.Subscription,
  after: Stripe.Subscription,
  { at, creditsOnly }: { at: number; creditsOnly: boolean },
): number {
  let made = 0
  const add = (
    subscription: Stripe.Subscription,
    item: Stripe.SubscriptionItem,
    amount: number,
    words: string,
  ) => {
    if (amount === 0) return
    made += 1
    makeInvoiceItem(turn, {
      customer: idOf(subscription.customer),
      amount,
      currency: subscription.currency,
      description: `${words} ${productName(turn, item.price)} after ${day(at)}`,
      discountable: false,
      period: { start: at, end: item.current_period_end },
      price: item.price,
      proration: true,
      quantity: item.quantity,
      subscription: subscription.id,
      subscriptionItem: item.id,
    })
  }
  for (const item of before.items.data) {
    const next = after.items.data.find(({ id }) => id === item.id)
    const same = next && next.price.id === item.price.id && next.quantity === item.quantity
    if (same && !creditsOnly) continue
    add(before, item, -roundHalfUp(paidAmount(turn, before, item) * remaining(item, at)), 'Unused time on')
  }
  if (creditsOnly) return made
  for (const item of after.items.data) {
    const was = before.items.data.find(({ id }) => id === item.id)
    if (was && was.price.id === item.price.id && was.quantity === item.quantity) continue
    add(
      after,
      item,
      roundHalfUp(discountedAmount(turn, after, item) * remaining(item, at)),
      'Remaining time on',
    )
  }
  return made
}

function remaining(
  { current_period_start: start, current_period_end: end }: Stripe.SubscriptionItem,
  at: number,
): number {
  return end === start ? 0 : Math.max(0, Math.min(1, (end - at) / (end - start)))
}

/** What this period of the item cost on its invoice, after discounts; its price where no invoice has it. */
function paidAmount(turn: Turn, subscription: Stripe.Subscription, item: Stripe.SubscriptionItem): number {
  const invoices = turn.store.all('invoice', {
    customer: idOf(subscription.customer),
    'parent.subscription_details.subscription': subscription.id,
  })
  const line = invoices
    .filter(({ status }) => status !== 'void' && status !== 'draft')
    .flatMap((invoice) => invoice.lines.data)
    .findLast((each) => {
      const details = each.parent?.subscription_item_details
      const samePrice = idOf(each.pricing?.price_details?.price) === item.price.id
      return (
        details?.subscription_item === item.id && samePrice && each.period.end === item.current_period_end
      )
    })
  if (!line) return discountedAmount(turn, subscription, item)
  // A line that is itself a proration covers a part of the period: its price is what counts.
  return line.parent?.subscription_item_details?.proration
    ? discountedAmount(turn, subscription, item)
    : netAmount(line)
}

function discountedAmount(
  turn: Turn,
  subscription: Stripe.Subscription,
  item: Stripe.SubscriptionItem,
): number {
  const period = { start: item.current_period_start, end: item.current_period_end }
  const line = subscriptionLine(turn, subscription, item, { period })
  const discounts = subscription.discounts.flatMap((each) => turn.store.find('discount', idOf(each)) ?? [])
  const [reduced = line] = applyDiscounts(turn, [line], discounts)
  return netAmount(reduced)
}

function day(time: number): string {
  return new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeZone: 'UTC' }).format(time * 1000)
}
