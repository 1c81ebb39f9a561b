import type { Reader, Row } from '../db/tables.ts'
import { NotFound } from '../errors.ts'
import type { Caller } from '../log/by.ts'
import type { SubscriptionDiscount } from '../projections/subscription-discounts.ts'
import { assertKnownTenant } from '../projections/tenants.ts'

export type SubscriptionRow = Row<'billing_subscriptions'>

export type Subscription = Pick<
  SubscriptionRow,
  | 'subscription_id'
  | 'tenant_id'
  | 'customer_id'
  | 'status'
  | 'plan_id'
  | 'price_id'
  | 'quantity'
  | 'amount_cents'
  | 'currency'
  | 'billing_interval'
  | 'billing_interval_count'
  | 'trial_ends_at'
  | 'current_period_start'
  | 'current_period_end'
  | 'cancel_at'
  | 'canceled_at'
  | 'ended_at'
  | 'created_at'
> & { discounts: SubscriptionDiscount[]; cancel_at_period_end: boolean; is_paused: boolean }

/** Those of Stripe's statuses in which a subscription has ended: https://docs.stripe.com/billing/subscriptions/overview */
const ended = ['canceled', 'incomplete_expired']
export const isLive = ({ status }: Pick<SubscriptionRow, 'status'>) => !ended.includes(status)

/** The tenant's live subscription, or else the one that it had last. @throws NotFound */
export async function subscriptionOfTenant(reader: Reader, tenantId: string): Promise<Subscription> {
  await assertKnownTenant(reader, tenantId)
  const row = await latestSubscription(reader, tenantId)
  if (row === undefined) throw new NotFound('subscription')
  return shownSubscription(row)
}

/** The live one, or else the one that was made last. */
export async function latestSubscription(
  reader: Reader,
  tenantId: string,
): Promise<SubscriptionRow | undefined> {
  const rows = await reader
    .selectFrom('billing_subscriptions')
    .selectAll()
    .where('tenant_id', '=', tenantId)
    .orderBy('created_at', 'desc')
    .orderBy('subscription_id', 'desc')
    .execute()
  return rows.find(isLive) ?? rows[0]
}

/** As the caller may see it: another tenant's subscription does not exist. @throws NotFound */
export async function ownSubscription(
  reader: Reader,
  subscriptionId: string,
  { tenantId }: Pick<Caller, 'tenantId'>,
): Promise<SubscriptionRow> {
  const row = await reader
    .selectFrom('billing_subscriptions')
    .selectAll()
    .where('subscription_id', '=', subscriptionId)
    .executeTakeFirst()
  if (row === undefined || (tenantId !== null && row.tenant_id !== tenantId))
    throw new NotFound('subscription')
  return row
}

export function shownSubscription(row: SubscriptionRow): Subscription {
  const {
    item_id: _item,
    default_payment_method_id: _method,
    latest_invoice_id: _invoice,
    as_of: _asOf,
    updated_at: _updated,
    last_position: _position,
    ...columns
  } = row
  return {
    ...columns,
    discounts: JSON.parse(row.discounts),
    cancel_at_period_end: row.cancel_at_period_end === 1,
    is_paused: row.is_paused === 1,
  }
}
