import { z } from 'zod'
import { cents, fieldsOf, timeOut } from '../db/fields.ts'
import { type Page, type PageQuery, pageOf } from '../db/page.ts'
import type { Reader } from '../db/tables.ts'
import { assertKnownTenant } from '../projections/tenants.ts'

export const Invoice = z
  .object({
    invoice_id: z.string(),
    tenant_id: z.string(),
    customer_id: z.string(),
    subscription_id: z.string().nullable(),
    number: z.string().nullable(),
    status: z.string(),
    billing_reason: z.string().nullable(),
    currency: z.string(),
    total_cents: cents,
    amount_due_cents: cents,
    amount_paid_cents: cents,
    amount_remaining_cents: cents,
    attempt_count: z.int(),
    payment_failed_at: timeOut.nullable(),
    period_start: timeOut.nullable(),
    period_end: timeOut.nullable(),
    due_at: timeOut.nullable(),
    paid_at: timeOut.nullable(),
    hosted_invoice_url: z.string().nullable(),
    created_at: timeOut,
  })
  .meta({ id: 'Invoice' })
export type Invoice = z.infer<typeof Invoice>

/** The tenant's invoices, drafts included, newest first. @throws NotFound; InvalidRequest on `cursor` */
export async function listInvoices(
  reader: Reader,
  tenantId: string,
  page: PageQuery,
): Promise<Page<Invoice>> {
  await assertKnownTenant(reader, tenantId)
  const invoices = reader
    .selectFrom('billing_invoices')
    .select(fieldsOf(Invoice))
    .where('tenant_id', '=', tenantId)
    .where('status', '!=', 'deleted')
  return pageOf(invoices, page, 'invoice_id', (invoice) => invoice)
}
