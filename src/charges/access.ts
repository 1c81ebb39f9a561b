import { type Access, type AccessReason, accessOf, reasonFor } from '../../machines/subscription.ts'
import type { Reader, Row } from '../db/tables.ts'
import type { Turn } from '../effects/turn.ts'
import { streams } from '../log/facts.ts'
import type { Subscription } from './known.ts'
import { dayMs, later } from './months.ts'
import { cancelsAt } from './subscription.ts'

type AccessStanding = {
  access: Access
  /** UTC ISO 8601; null: no end is in sight, or there is nothing that could end. */
  until: string | null
  reason: AccessReason
  /** Since when it is so; null: it was never recorded. */
  since: string | null
  /** Since when a payment has been failing that is still owed. */
  failingSince: string | null
  /** Of whose service months the last one is, or else the one that was made last. */
  subscription: Subscription | undefined
  /** As it was recorded last. */
  recorded: Row<'billing_access'> | undefined
}

/** What the tenant may use, by the tables and the time: the same whether or not a timer has run. */
export async function accessOfTenant(
  reader: Reader,
  tenantId: string,
  { now, accessRules: { graceDays, suspendOnLostDispute } }: Pick<Turn, 'now' | 'accessRules'>,
): Promise<AccessStanding> {
  const recorded = await reader
    .selectFrom('billing_access')
    .selectAll()
    .where('tenant_id', '=', tenantId)
    .executeTakeFirst()
  const subscription = await currentSubscription(reader, tenantId)
  const about = subscription && { status: subscription.status, endsAt: cancelsAt(subscription) }
  // Past due, and nothing of it has failed: an invoice that was sent is not paid by its date.
  const pastDue = about?.status === 'past_due' ? (recorded?.failing_since ?? now) : null
  const failingSince = (await firstFailure(reader, tenantId)) ?? pastDue
  const isDisputeLost = suspendOnLostDispute && (await hasLostDispute(reader, tenantId))
  const { access, until } = accessOf(about, { failingSince, isDisputeLost, graceDays, now })
  // What was recorded has ended by itself, and nobody has noticed yet.
  const since = (recorded?.access === access ? recorded.since : recorded?.until) ?? null
  return {
    access,
    until,
    reason: reasonFor(about, access, isDisputeLost),
    since,
    failingSince,
    subscription,
    recorded,
  }
}

/** Records what has changed, and answers when it changes by itself. */
export async function followAccess(turn: Turn, tenantId: string): Promise<string | undefined> {
  const standing = await accessOfTenant(turn.trx, tenantId, turn)
  const { access, until, reason, failingSince, recorded } = standing
  const from = recorded?.access ?? 'none'
  if (access !== from || until !== (recorded?.until ?? null))
    await turn.record(streams.billing(tenantId), [
      {
        fact_id: `access:${tenantId}:${recorded?.last_position ?? 0}`,
        type: 'access.changed',
        tenant_id: tenantId,
        data: { access, until, reason, from, failing_since: failingSince },
        // A grace period ends at its very instant, whenever that is noticed.
        ...(reason === 'grace_over' &&
          failingSince !== null &&
          from === 'grace' && {
            occurred_at: later(failingSince, turn.accessRules.graceDays * dayMs),
          }),
      },
    ])
  return access === 'grace' && until !== null ? until : undefined
}

/** The one whose service month is open, or was the last; of a tenant without any, the one that was made last. */
async function currentSubscription(reader: Reader, tenantId: string): Promise<Subscription | undefined> {
  const subscriptions = await reader
    .selectFrom('billing_subscriptions')
    .selectAll()
    .where('tenant_id', '=', tenantId)
    .orderBy('created_at', 'desc')
    .orderBy('subscription_id', 'desc')
    .execute()
  if (subscriptions.length < 2) return subscriptions[0]
  const windows = await reader
    .selectFrom('billing_windows')
    .select(['subscription_id', 'closed_at'])
    .where('tenant_id', '=', tenantId)
    .orderBy('starts_at', 'desc')
    .orderBy('window_id', 'desc')
    .execute()
  const window = windows.find(({ closed_at }) => closed_at === null) ?? windows[0]
  return subscriptions.find((each) => each.subscription_id === window?.subscription_id) ?? subscriptions[0]
}

/** Of the open invoice that has been failing longest, whoever made it. */
async function firstFailure(reader: Reader, tenantId: string): Promise<string | null> {
  const row = await reader
    .selectFrom('billing_invoices')
    .select((eb) => eb.fn.min('payment_failed_at').as('since'))
    .where('tenant_id', '=', tenantId)
    .where('status', '=', 'open')
    .executeTakeFirst()
  return row?.since ?? null
}

/** One that no operator has lifted. */
async function hasLostDispute(reader: Reader, tenantId: string): Promise<boolean> {
  const lost = await reader
    .selectFrom('billing_invoices')
    .select('invoice_id')
    .where('tenant_id', '=', tenantId)
    .where('dispute_status', '=', 'lost')
    .where('dispute_lifted_at', 'is', null)
    .executeTakeFirst()
  return lost !== undefined
}
