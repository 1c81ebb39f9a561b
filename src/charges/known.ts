import type { Reader, Row } from '../db/tables.ts'
import type { RateCard } from '../pricing/price.ts'
import { readRateCards } from '../pricing/rate-cards.ts'

export type Window = Row<'billing_windows'>
export type Line = Row<'billing_usage_lines'>
export type Subscription = Row<'billing_subscriptions'>
export type Invoice = Row<'billing_invoices'>

/** All that is known of what one tenant owes. Its size grows with months, not with usage. */
export type Known = {
  tenantId: string
  /** In the order in which they were made. */
  subscriptions: readonly Subscription[]
  /** In the order of time; those of one tenant never overlap. */
  windows: readonly Window[]
  /** As last counted. */
  dues: readonly Row<'billing_window_dues'>[]
  /** In the order in which they were asked for. */
  lines: readonly Line[]
  invoices: readonly Invoice[]
  pauses: readonly Row<'billing_pauses'>[]
  decisions: readonly Row<'billing_usage_decisions'>[]
  cards: readonly RateCard[]
  /** Customers that Stripe has no more: nothing can be asked of them. */
  gone: ReadonlySet<string>
}

export async function knownOf(reader: Reader, tenantId: string): Promise<Known> {
  const db = reader
  const gone = await db
    .selectFrom('billing_customers')
    .select('customer_id')
    .where('tenant_id', '=', tenantId)
    .where('is_deleted', '=', 1)
    .execute()
  return {
    tenantId,
    subscriptions: await db
      .selectFrom('billing_subscriptions')
      .selectAll()
      .where('tenant_id', '=', tenantId)
      .orderBy('created_at')
      .orderBy('subscription_id')
      .execute(),
    windows: await db
      .selectFrom('billing_windows')
      .selectAll()
      .where('tenant_id', '=', tenantId)
      .orderBy('starts_at')
      .orderBy('window_id')
      .execute(),
    dues: await db.selectFrom('billing_window_dues').selectAll().where('tenant_id', '=', tenantId).execute(),
    lines: await db
      .selectFrom('billing_usage_lines')
      .selectAll()
      .where('tenant_id', '=', tenantId)
      .orderBy('position')
      .execute(),
    invoices: await db
      .selectFrom('billing_invoices')
      .selectAll()
      .where('tenant_id', '=', tenantId)
      .orderBy('created_at')
      .orderBy('invoice_id')
      .execute(),
    pauses: await db
      .selectFrom('billing_pauses')
      .selectAll()
      .where('tenant_id', '=', tenantId)
      .orderBy('paused_at')
      .execute(),
    decisions: await db
      .selectFrom('billing_usage_decisions')
      .selectAll()
      .where('tenant_id', '=', tenantId)
      .orderBy('starts_at')
      .execute(),
    cards: await readRateCards(reader),
    gone: new Set(gone.map(({ customer_id }) => customer_id)),
  }
}
