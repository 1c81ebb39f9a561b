import { sql } from 'kysely'
import type { Reader } from '../db/tables.ts'

/** The open invoices that somebody is late with: a payment has failed, or the day by which one that was sent was to be paid is over. */
export const lateInvoices = (reader: Reader, now: Date) =>
  reader
    .selectFrom('billing_invoices as i')
    .where('i.status', '=', 'open')
    .where((eb) =>
      eb.or([eb('i.payment_failed_at', 'is not', null), eb('i.due_at', '<=', now.toISOString())]),
    )

/** Those that make their tenant delinquent: the first one of a subscription that still waits for the customer does not. */
export const delinquentInvoices = (reader: Reader, now: Date) =>
  lateInvoices(reader, now).where((eb) =>
    eb.not(
      eb.exists(
        eb
          .selectFrom('billing_subscriptions as s')
          .select('s.subscription_id')
          .whereRef('s.subscription_id', '=', 'i.subscription_id')
          .where('s.status', '=', 'incomplete'),
      ),
    ),
  )

/** Since when, of an invoice above. */
export const lateSince = sql<string>`coalesce(i.payment_failed_at, i.due_at)`

/** What is left to pay of the invoices that a tenant is late with, in cents. */
export async function outstandingCents(reader: Reader, tenantId: string, now: Date): Promise<number> {
  const row = await lateInvoices(reader, now)
    .where('i.tenant_id', '=', tenantId)
    .select((eb) => eb.fn.sum<number | null>('i.amount_remaining_cents').as('sum'))
    .executeTakeFirst()
  return Number(row?.sum ?? 0)
}
