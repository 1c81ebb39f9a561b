import type Stripe from 'stripe'
import { roundHalfUp } from '../catalogue/price.ts'
import { makeInvoiceItem } from '../invoices/invoice-item.ts'
import {
  applyDiscounts,
  itemLine,
  type Line,
  netAmount,
  productName,
  subscriptionLine,
} from '../invoices/invoice-line.ts'
import { idOf } from '../objects/ids.ts'
import type { Turn } from '../objects/turn.ts'
import { liveDiscounts } from './billing.ts'
import { type Period, shareOf } from './periods.ts'

/**
 * Pending invoice items for what changes within the period, by the second, as flexible billing has it: a credit for the
 * rest of what was debited (its own amount, not today's price), a charge for the rest of the period at the new price less
 * discounts. `creditsAll` where new periods begin, or none. Answers how many. https://docs.stripe.com/billing/subscriptions/prorations
 */
export function prorate(
  turn: Turn,
  before: Stripe.Subscription,
  after: Stripe.Subscription,
  { at, creditsAll }: { at: number; creditsAll: boolean },
): number {
  const sameIn = (items: Stripe.SubscriptionItem[], { id, price, quantity }: Stripe.SubscriptionItem) =>
    items.find((each) => each.id === id && each.price.id === price.id && each.quantity === quantity)
  let made = 0
  const add = (item: Stripe.SubscriptionItem, period: Period, amount: number, words: string) => {
    if (amount === 0) return
    made += 1
    makeInvoiceItem(turn, {
      customer: idOf(before.customer),
      amount,
      currency: before.currency,
      description: `${words} ${productName(turn, item.price)} after ${day(period.start)}`,
      discountable: false,
      period,
      price: item.price,
      proration: true,
      quantity: item.quantity,
      subscription: before.id,
      subscriptionItem: item.id,
    })
  }
  for (const item of before.items.data) {
    const kept = creditsAll ? undefined : sameIn(after.items.data, item)
    const unused = { start: kept?.current_period_end ?? at, end: item.current_period_end }
    if (unused.start < unused.end)
      add(item, unused, -restOfDebit(turn, before, item, unused.start), 'Unused time on')
  }
  if (creditsAll) return made
  const amounts = discountedAmounts(turn, after)
  for (const [position, item] of after.items.data.entries()) {
    if (sameIn(before.items.data, item)) continue
    const rest = { start: at, end: item.current_period_end }
    add(item, rest, shareOf(after, item, rest, amounts[position]), 'Remaining time on')
  }
  return made
}

/** The part after a time of what the item's period was debited with last, up to what was credited since. */
function restOfDebit(
  turn: Turn,
  subscription: Stripe.Subscription,
  item: Stripe.SubscriptionItem,
  at: number,
): number {
  const lines = linesOfPeriod(turn, subscription, item)
  const debitedAt = lines.findIndex(({ amount }) => amount >= 0)
  const debit = lines[debitedAt]
  if (!debit) return 0
  const { start, end } = debit.period
  const until = Math.min(end, ...lines.slice(0, debitedAt).map((credit) => credit.period.start))
  const seconds = Math.max(0, until - Math.max(at, start))
  return seconds === 0 ? 0 : roundHalfUp((netAmount(debit) * seconds) / (end - start))
}

/** The item's lines since its period began, newest first: pending, then invoiced. What was voided was never debited. */
function linesOfPeriod(turn: Turn, subscription: Stripe.Subscription, item: Stripe.SubscriptionItem): Line[] {
  const customer = idOf(subscription.customer)
  const since = { created: { gte: item.current_period_start }, limit: Number.MAX_SAFE_INTEGER }
  const pending = turn.store.list('invoiceitem', { equal: { customer, invoice: null }, ...since })
  const invoices = turn.store.list('invoice', {
    equal: { customer, 'parent.subscription_details.subscription': subscription.id },
    where: ({ status }) => status !== 'void',
    ...since,
  })
  return [
    ...pending.data.map((each) => itemLine(turn, each)),
    ...invoices.data.flatMap(({ lines }) => lines.data.toReversed()),
  ].filter((line) => line.parent?.subscription_item_details?.subscription_item === item.id)
}

/** What a whole period of each item costs after discounts. */
function discountedAmounts(turn: Turn, subscription: Stripe.Subscription): number[] {
  const lines = subscription.items.data.map((item) => {
    const period = { start: item.current_period_start, end: item.current_period_end }
    return subscriptionLine(turn, subscription, item, { period })
  })
  return applyDiscounts(turn, lines, liveDiscounts(turn, subscription)).map(netAmount)
}

function day(time: number): string {
  return new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeZone: 'UTC' }).format(time * 1000)
}
