import { hasEnded, stagesFrom } from '../../machines/subscription.ts'
import { flag, type Row, type Trx } from '../db/tables.ts'
import type { Sighting } from '../log/sighting.ts'
import { baseInMetadata, keyInMetadata } from '../stripe/call.ts'
import { isStub, mirrorOf } from './deletable.ts'
import { isoTime, onStripeObject, type Projection, supersedes } from './projection.ts'
import { idOf, integerOf, memberOf, textOf, timeOf } from './read-value.ts'
import { sameRow, saveRow } from './save-row.ts'
import { fillIn, readDiscounts } from './subscription-discounts.ts'

/**
 * A subscription never goes back to an earlier stage (`machines/subscription.ts`), and within one the newer sighting is
 * shown. One that Stripe no longer has
 * is canceled without `ended_at`. The plan is what the metadata of the subscription, else of its price, says: the
 * product may be seen later, and a row does not depend on the order of what is seen.
 */
export const subscriptions: Projection = {
  table: 'billing_subscriptions',
  primaryKey: 'subscription_id',
  on: onStripeObject(['subscription'], show),
}

async function show(trx: Trx, sighting: Sighting<'subscription'>): Promise<void> {
  const { object, tenantId } = sighting
  const subscriptionId = textOf(object.id)
  if (subscriptionId === null || tenantId === null) return
  const row = await trx
    .selectFrom('billing_subscriptions')
    .selectAll()
    .where('subscription_id', '=', subscriptionId)
    .executeTakeFirst()
  const next = nextSubscription(sighting, row, columnsOf(sighting, subscriptionId, tenantId))
  if (!sameRow(next, row)) await saveRow(trx, 'billing_subscriptions', 'subscription_id', next)
}

type Subscription = Row<'billing_subscriptions'>

function nextSubscription(
  sighting: Sighting<'subscription'>,
  row: Subscription | undefined,
  content: Subscription,
): Subscription {
  const isNewer = row === undefined || replaces(sighting, row, content)
  const columns = isNewer ? content : row
  const isGone = sighting.isDeleted || (row !== undefined && wasGone(row))
  return {
    ...columns,
    status: isGone && !hasEnded(columns.status) ? 'canceled' : columns.status,
    discounts:
      row === undefined ? columns.discounts : fillIn(columns.discounts, row.discounts, content.discounts),
    last_position: sighting.position,
  }
}

function replaces(sighting: Sighting, row: Subscription, content: Subscription): boolean {
  if (isStub(sighting)) return false
  if (wasGone(row)) return hasEnded(content.status) || supersedes(sighting, row)
  const step = stagesFrom(row.status, content.status)
  return step === 0 ? supersedes(sighting, row) : step > 0
}

/** A canceled subscription of Stripe's has the time at which it ended. */
function wasGone(row: Subscription): boolean {
  return row.status === 'canceled' && row.ended_at === null
}

function columnsOf(
  sighting: Sighting<'subscription'>,
  subscription_id: string,
  tenant_id: string,
): Subscription {
  const { object, asOf } = sighting
  const item = object.items?.data?.[0]
  const price = item?.price
  const quantity = integerOf(item?.quantity) ?? (item === undefined ? 0 : 1)
  const unitAmount = integerOf(price?.unit_amount)
  const status = textOf(object.status) ?? 'incomplete'
  const canceledAt = timeOf(object.canceled_at)
  const endedAt = timeOf(object.ended_at)
  const isCollectionPaused = (object.pause_collection ?? null) !== null
  return {
    subscription_id,
    tenant_id,
    customer_id: idOf(object.customer) ?? '',
    status,
    item_id: textOf(item?.id),
    price_id: idOf(price),
    product_id: idOf(price?.product),
    plan_id: textOf(object.metadata?.plan_id) ?? textOf(price?.metadata?.plan_id),
    quantity,
    amount_cents: unitAmount === null ? null : integerOf(unitAmount * quantity),
    currency: textOf(object.currency) ?? textOf(price?.currency),
    billing_interval: textOf(price?.recurring?.interval),
    billing_interval_count: integerOf(price?.recurring?.interval_count),
    discounts: readDiscounts(object.discounts),
    started_at: timeOf(object.start_date) ?? timeOf(object.created),
    trial_ends_at: timeOf(object.trial_end),
    current_period_start: timeOf(item?.current_period_start),
    current_period_end: timeOf(item?.current_period_end),
    cancel_at_period_end: flag(object.cancel_at_period_end),
    cancel_at: timeOf(object.cancel_at),
    canceled_at: canceledAt,
    ended_at: endedAt ?? (status === 'canceled' ? (canceledAt ?? isoTime(asOf)) : null),
    is_paused: flag(isCollectionPaused || status === 'paused'),
    is_collection_paused: flag(isCollectionPaused),
    collection_method: textOf(object.collection_method) ?? 'charge_automatically',
    days_until_due: integerOf(object.days_until_due),
    default_payment_method_id: idOf(object.default_payment_method),
    latest_invoice_id: idOf(object.latest_invoice),
    made_under: textOf(memberOf(object.metadata, keyInMetadata)),
    first_base_cents: digitsOf(memberOf(object.metadata, baseInMetadata)),
    ...mirrorOf(sighting),
  }
}

/** Metadata has texts alone. */
const digitsOf = (value: unknown) =>
  /^\d{1,15}$/.test(textOf(value) ?? '') ? integerOf(Number(value)) : null
