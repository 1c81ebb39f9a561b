import { AppError } from '../../errors.ts'
import { isLive, type SubscriptionRow } from '../../views/subscriptions.ts'
import type { Decision } from '../ask.ts'

/** What a decision about a subscription goes by. */
export type SubscriptionState = Pick<
  SubscriptionRow,
  | 'subscription_id'
  | 'item_id'
  | 'price_id'
  | 'status'
  | 'cancel_at_period_end'
  | 'cancel_at'
  | 'is_paused'
  | 'billing_interval'
  | 'billing_interval_count'
>

/** Ends it: when what is paid for is over, or now. @throws AppError conflict while it waits for its first payment */
export function decideCancel(row: SubscriptionState, { atPeriodEnd }: { atPeriodEnd: boolean }): Decision {
  if (!isLive(row)) return asItIs(row)
  if (!atPeriodEnd) return { call: 'cancel_subscription', targetId: row.subscription_id, params: () => ({}) }
  if (row.status === 'incomplete')
    throw wrongState(row, 'This subscription waits for its first payment: cancel it with at_period_end false')
  return row.cancel_at_period_end === 1 ? asItIs(row) : update(row, { cancel_at_period_end: true })
}

/** Takes a cancellation that has not come into force, and a pause, back. @throws AppError conflict */
export function decideResume(row: SubscriptionState): Decision {
  assertRunning(row, 'resumed')
  if (row.status === 'paused')
    throw wrongState(
      row,
      'Stripe has paused this subscription because its trial ended without a payment method: add one there',
    )
  const changes = {
    ...(row.cancel_at_period_end === 1 ? { cancel_at_period_end: false } : {}),
    ...(row.cancel_at_period_end === 0 && row.cancel_at !== null ? { cancel_at: '' } : {}),
    ...(row.is_paused === 1 ? { pause_collection: '' } : {}),
  }
  return Object.keys(changes).length === 0 ? asItIs(row) : update(row, changes)
}

/** Invoices that fall into the pause are voided, and nothing is owed for it. @throws AppError conflict */
export function decidePause(row: SubscriptionState): Decision {
  assertRunning(row, 'paused')
  return row.is_paused === 1 ? asItIs(row) : update(row, { pause_collection: { behavior: 'void' } })
}

export type ProrationBehavior = 'create_prorations' | 'always_invoice' | 'none'
export type PlanWanted = {
  priceId: string
  planId: string
  prorationBehavior: ProrationBehavior
  interval: string
  intervalCount: number
}

/**
 * Another price. Where that is to be paid at once and cannot be, nothing changes.
 * @throws AppError conflict, also where Stripe would not collect the invoice that it makes at once
 */
export function decidePlan(row: SubscriptionState, wanted: PlanWanted): Decision {
  assertRunning(row, 'changed')
  if (row.price_id === wanted.priceId) return asItIs(row)
  if (restarts(row, wanted) || (wanted.prorationBehavior === 'always_invoice' && row.status !== 'trialing'))
    assertCollected(row)
  return update(row, {
    items: itemsOf(row, wanted.priceId),
    proration_behavior: wanted.prorationBehavior,
    payment_behavior: 'error_if_incomplete',
    metadata: { plan_id: wanted.planId },
  })
}

/** Whether a period begins with the change, and is invoiced at once: at another interval, except in a trial. */
export const restarts = (
  { status, billing_interval, billing_interval_count }: SubscriptionState,
  { interval, intervalCount }: Pick<PlanWanted, 'interval' | 'intervalCount'>,
) =>
  status !== 'trialing' && (billing_interval !== interval || (billing_interval_count ?? 1) !== intervalCount)

/** An invoice that is void, or stays a draft, would give the new period away. */
function assertCollected(row: SubscriptionState): void {
  if (row.is_paused === 1)
    throw wrongState(
      row,
      'This change is invoiced at once, and nothing is collected while the subscription is paused: resume it first',
    )
  if (row.status === 'unpaid')
    throw wrongState(
      row,
      'This change is invoiced at once, and nothing is collected while the subscription is unpaid: collect its open invoices first',
    )
}

/** The subscription's one item, at another price. */
export const itemsOf = (row: Pick<SubscriptionRow, 'item_id'>, priceId: string) => [
  { id: row.item_id ?? '', price: priceId },
]

/** @throws AppError conflict, with the status, for a subscription that has ended or has not begun */
export function assertRunning(row: SubscriptionState, what: string): void {
  if (!isLive(row)) throw wrongState(row, `This subscription has ended: it cannot be ${what}`)
  if (row.status === 'incomplete')
    throw wrongState(row, `This subscription waits for its first payment: it cannot be ${what} before`)
}

const asItIs = ({ subscription_id: objectId }: SubscriptionState): Decision => ({ objectId })

const update = (
  { subscription_id: targetId }: SubscriptionState,
  params: Record<string, unknown>,
): Decision => ({
  call: 'update_subscription',
  targetId,
  params: () => params,
})

/** No use in sending the same request again. */
const wrongState = ({ status, is_paused, cancel_at_period_end }: SubscriptionState, message: string) =>
  new AppError('conflict', message, {
    details: { status, is_paused: is_paused === 1, cancel_at_period_end: cancel_at_period_end === 1 },
  })
