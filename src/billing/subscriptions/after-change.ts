import type { Pending } from '../../charges/renewal.ts'
import { flag } from '../../db/tables.ts'
import type { Decision } from '../../outbox/ask.ts'
import { type PlanWanted, restarts } from '../../outbox/requests/change-subscription.ts'
import { discountsIn } from '../../projections/subscription-discounts.ts'
import type { CallParams } from '../../stripe/call.ts'
import type { StripeObjects } from '../../stripe/object-types.ts'
import type { SubscriptionRow } from '../../views/subscriptions.ts'

/** A subscription as Stripe will show it when a change is made now. @param now UTC ISO 8601 */
export function afterChange(row: SubscriptionRow, decision: Decision, now: string): SubscriptionRow {
  if ('objectId' in decision) return row
  const second = `${now.slice(0, 19)}.000Z`
  if (decision.call === 'cancel_subscription')
    return {
      ...row,
      ...{ status: 'canceled', canceled_at: row.canceled_at ?? second, ended_at: second },
      ...{ cancel_at_period_end: 0, cancel_at: null },
    }
  const {
    cancel_at_period_end: atEnd,
    cancel_at: endsAt,
    pause_collection: pause,
  }: CallParams = decision.params('')
  const isPaused = pause === undefined ? undefined : pause === '' ? 0 : 1
  return {
    ...row,
    ...(atEnd === true && { cancel_at_period_end: 1, cancel_at: row.current_period_end }),
    ...((atEnd === false || endsAt === '') && { cancel_at_period_end: 0, cancel_at: null }),
    ...(isPaused !== undefined && { is_paused: isPaused, is_collection_paused: isPaused }),
  }
}

type Invoice = StripeObjects['invoice']
/** Of a period, cents before discounts. */
type Priced = { productId: string; amountCents: number }

/**
 * As `afterChange`, of a change of plan.
 * @param invoice what Stripe says that it will invoice next; null: nothing
 * @returns also whether that is made at once, and what then waits for the next renewal
 */
export function afterPlanChange(
  row: SubscriptionRow,
  { now, productId, amountCents, ...wanted }: PlanWanted & Priced & { now: string },
  invoice: Invoice | null,
): { after: SubscriptionRow; isBilled: boolean; pending: Pending[] } {
  if (row.price_id === wanted.priceId) return { after: row, isBilled: false, pending: pendingIn(invoice) }
  const begins = restarts(row, wanted)
  const isBilled =
    begins || (wanted.prorationBehavior === 'always_invoice' && linesOf(invoice).some(isProration))
  const periodEnd = begins ? periodEndIn(invoice) : row.current_period_end
  return {
    after: {
      ...row,
      ...{
        price_id: wanted.priceId,
        plan_id: wanted.planId,
        product_id: productId,
        amount_cents: amountCents,
      },
      ...{ billing_interval: wanted.interval, billing_interval_count: wanted.intervalCount },
      ...{ current_period_start: begins ? now : row.current_period_start, current_period_end: periodEnd },
      cancel_at: row.cancel_at_period_end === 1 ? periodEnd : row.cancel_at,
      discounts: isBilled ? withoutUsedUp(row, invoice) : row.discounts,
    },
    isBilled,
    pending: isBilled ? [] : pendingIn(invoice),
  }
}

/** A discount for one invoice goes with the first that it lowers. */
function withoutUsedUp({ discounts }: SubscriptionRow, invoice: Invoice | null): string {
  const used = (invoice?.total_discount_amounts ?? [])
    .filter(({ amount }) => amount > 0)
    .map(({ discount }) => (typeof discount === 'string' ? discount : discount.id))
  return JSON.stringify(
    discountsIn(discounts).filter(
      ({ duration, discount_id }) => duration !== 'once' || !used.includes(discount_id),
    ),
  )
}

type Line = Invoice['lines']['data'][number]

const linesOf = (invoice: Invoice | null) => invoice?.lines.data ?? []
const parentOf = ({ parent }: Line) => parent?.subscription_item_details ?? parent?.invoice_item_details

export const isProration = (line: Line) => parentOf(line)?.proration ?? false

/** Of what waited for the invoice, or waits because of the change: not of a period that begins. */
const isItem = (line: Line) => (parentOf(line)?.invoice_item ?? null) !== null

const pendingIn = (invoice: Invoice | null): Pending[] =>
  linesOf(invoice)
    .filter(isItem)
    .map(({ amount, pricing, discountable }) => ({
      ...{ amount_cents: amount, product_id: pricing?.price_details?.product ?? null },
      is_discountable: flag(discountable),
    }))

/** What an invoice has beside the plan, after discounts. */
export const pendingCentsIn = (invoice: Invoice | null) =>
  linesOf(invoice)
    .filter(isItem)
    .flatMap(({ amount, discount_amounts }) => [
      amount,
      ...(discount_amounts ?? []).map((off) => -off.amount),
    ])
    .reduce((sum, cents) => sum + cents, 0)

function periodEndIn(invoice: Invoice | null): string | null {
  const begun = linesOf(invoice).find((line) => !isItem(line))
  return begun === undefined ? null : new Date(begun.period.end * 1000).toISOString()
}
