import { z } from 'zod'
import { type AppContext, requireStripe } from '../../context.ts'
import { cents, timeOut } from '../../db/fields.ts'
import { resolvePrice } from '../../inbox/catalogue/price-terms.ts'
import type { Caller } from '../../log/by.ts'
import { assertRunning, itemsOf } from '../../outbox/requests/change-subscription.ts'
import { subscriptionRefusal } from '../../outbox/requests/create-subscription.ts'
import { askStripe } from '../../stripe/ask-stripe.ts'
import type { StripeObjects } from '../../stripe/object-types.ts'
import { ownSubscription } from '../../views/subscriptions.ts'
import { assertSameCurrency, type PlanChange } from './change-plan.ts'

/** Usage and the platform base come on top. */
export const ChangePreview = z.object({
  subscription_id: z.string(),
  price_id: z.string(),
  plan_id: z.string(),
  currency: z.string(),
  /** Of the next invoice, after discounts and balance. */
  amount_due_cents: cents,
  subtotal_cents: cents,
  discount_cents: cents,
  /** What the rest of this period costs more, or less. */
  proration_cents: cents,
  /** Of each later period, before discounts. */
  recurring_amount_cents: cents,
  billing_interval: z.string(),
  billing_interval_count: z.int(),
  lines: z.array(
    z.object({
      description: z.string().nullable(),
      amount_cents: cents,
      quantity: z.number().nullable(),
      is_proration: z.boolean(),
      period_start: timeOut,
      period_end: timeOut,
    }),
  ),
})
export type ChangePreview = z.infer<typeof ChangePreview>

/** What a change of plan would cost, as Stripe calculates it now. Changes nothing. */
export async function previewChange(
  context: AppContext,
  by: Caller,
  subscriptionId: string,
  { price_id, proration_behavior }: PlanChange,
): Promise<ChangePreview> {
  const stripe = requireStripe(context)
  const row = await ownSubscription(context.db.reader, subscriptionId, by)
  assertRunning(row, 'changed')
  const price = await resolvePrice(stripe, price_id)
  assertSameCurrency(row, price)
  const invoice = await askStripe(() =>
    stripe.preview({
      customer: row.customer_id,
      subscription: subscriptionId,
      subscription_details: { items: itemsOf(row, price_id), proration_behavior },
    }),
  ).catch((error) => {
    throw subscriptionRefusal(error)
  })
  const lines = invoice.lines.data.map(shownLine)
  return {
    subscription_id: subscriptionId,
    price_id,
    plan_id: price.plan_id,
    currency: invoice.currency,
    amount_due_cents: invoice.amount_due,
    subtotal_cents: invoice.subtotal,
    discount_cents: sum((invoice.total_discount_amounts ?? []).map(({ amount }) => amount)),
    proration_cents: sum(lines.filter((line) => line.is_proration).map((line) => line.amount_cents)),
    recurring_amount_cents: price.amount_cents * row.quantity,
    billing_interval: price.billing_interval,
    billing_interval_count: price.billing_interval_count,
    lines,
  }
}

function shownLine(line: StripeObjects['invoice']['lines']['data'][number]): ChangePreview['lines'][number] {
  const { subscription_item_details: ofItem, invoice_item_details: ofInvoice } = line.parent ?? {}
  const time = (seconds: number) => new Date(seconds * 1000).toISOString()
  return {
    description: line.description,
    amount_cents: line.amount,
    quantity: line.quantity,
    is_proration: (ofItem?.proration ?? false) || (ofInvoice?.proration ?? false),
    period_start: time(line.period.start),
    period_end: time(line.period.end),
  }
}

const sum = (numbers: readonly number[]) => numbers.reduce((total, number) => total + number, 0)
