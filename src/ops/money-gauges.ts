import { sql } from 'kysely'
import { usableStatuses } from '../../machines/subscription.ts'
import { duesOf } from '../charges/dues.ts'
import { knownOf } from '../charges/known.ts'
import { chargedCents } from '../charges/lines.ts'
import type { Reader } from '../db/tables.ts'

/** What of the money does not go its way by itself. */
export type MoneyGauges = {
  /** Amounts of closed months that are not charged: too large for one amount, or in another currency than the rates. */
  stuckDues: { held: number; unpriced: number }
  /** Since ever. */
  missed: { lines: number; drafts: number }
  /** Live ones beside a tenant's first. */
  secondSubscriptions: number
  /** Open invoices of our own whose payment has failed. */
  failingInvoices: number
}

/** By partial indexes: none of it grows with what goes well. */
export async function moneyGauges(reader: Reader): Promise<MoneyGauges> {
  const held = await stuckTenants(reader, 'held')
  const unpriced = await stuckTenants(reader, 'unpriced')
  return {
    stuckDues: {
      held: await heldNow(reader, [...held.keys()]),
      unpriced: [...unpriced.values()].reduce((sum, count) => sum + count, 0),
    },
    missed: {
      lines: await count(sql`select 1 from billing_usage_lines
        where refusal is not null and refusal <> 'taken_off'`),
      drafts: await count(sql`select 1 from billing_windows where missed_at is not null`),
    },
    secondSubscriptions: await count(sql`select 1 from billing_subscriptions as s
      where ended_at is null and status in (${sql.join(usableStatuses)}) and exists (
        select 1 from billing_subscriptions as first
        where first.tenant_id = s.tenant_id and first.subscription_id <> s.subscription_id
          and first.ended_at is null and first.status in (${sql.join(usableStatuses)})
          and (first.created_at < s.created_at
            or first.created_at = s.created_at and first.subscription_id < s.subscription_id))`),
    failingInvoices: await count(sql`select 1 from billing_invoices
      where made_under is not null and status = 'open' and payment_failed_at is not null`),
  }

  async function count(found: ReturnType<typeof sql>): Promise<number> {
    const { rows } = await sql<{ count: number }>`select count(*) as count from (${found}) as found`.execute(
      reader,
    )
    return Number(rows[0]?.count ?? 0)
  }
}

/** By tenant, how many dues were of this state when they were counted last, and are not forgiven. */
async function stuckTenants(reader: Reader, state: 'held' | 'unpriced'): Promise<Map<string, number>> {
  const { rows } = await sql<{ tenant_id: string; count: number }>`
    select tenant_id, count(*) as count from billing_window_dues as d
    where state <> 'priced' and state = ${state} and cast(due_cents as numeric) > coalesce((
      select sum(charged_cents) from billing_usage_lines as l
      where l.window_id = d.window_id and l.usage_type = d.usage_type), 0)
    group by tenant_id`.execute(reader)
  return new Map(rows.map(({ tenant_id, count }) => [tenant_id, Number(count)]))
}

/** Counted anew: records may have been voided, or the amount released, since. There are never many. */
async function heldNow(reader: Reader, tenantIds: readonly string[]): Promise<number> {
  let held = 0
  for (const tenantId of tenantIds) {
    const known = await knownOf(reader, tenantId)
    const dues = await duesOf(reader, known)
    held += dues.filter(
      (due) =>
        due.state === 'held' && due.window.closed_at !== null && due.cents > chargedCents(known.lines, due),
    ).length
  }
  return held
}
