import { z } from 'zod'
import { hasEnded } from '../../machines/subscription.ts'
import { cents, pickFields, timeOut } from '../db/fields.ts'
import type { Reader, Row } from '../db/tables.ts'
import { NotFound } from '../errors.ts'
import type { Caller } from '../log/by.ts'
import { discountsIn, SubscriptionDiscount } from '../projections/subscription-discounts.ts'
import { assertKnownTenant } from '../projections/tenants.ts'

export type SubscriptionRow = Row<'billing_subscriptions'>

export const Subscription = z
  .object({
    subscription_id: z.string(),
    tenant_id: z.string(),
    customer_id: z.string(),
    status: z.string(),
    plan_id: z.string().nullable(),
    price_id: z.string().nullable(),
    quantity: z.int(),
    amount_cents: cents.nullable().meta({ description: 'Of a period, before discounts' }),
    currency: z.string().nullable(),
    billing_interval: z.string().nullable(),
    billing_interval_count: z.int().nullable(),
    discounts: z.array(SubscriptionDiscount),
    trial_ends_at: timeOut.nullable(),
    current_period_start: timeOut.nullable(),
    current_period_end: timeOut.nullable(),
    cancel_at_period_end: z.boolean(),
    cancel_at: timeOut.nullable(),
    canceled_at: timeOut.nullable(),
    ended_at: timeOut.nullable(),
    is_paused: z.boolean(),
    created_at: timeOut,
  })
  .meta({ id: 'Subscription' })
export type Subscription = z.infer<typeof Subscription>

export const isLive = ({ status }: Pick<SubscriptionRow, 'status'>) => !hasEnded(status)

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

export const shownSubscription = (row: SubscriptionRow): Subscription => ({
  ...pickFields(Subscription, row),
  discounts: discountsIn(row.discounts),
  cancel_at_period_end: row.cancel_at_period_end === 1,
  is_paused: row.is_paused === 1,
})
