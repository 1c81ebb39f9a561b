import { type Page, type PageQuery, pageOf } from '../../db/page.ts'
import type { Reader } from '../../db/tables.ts'
import { assertKnownTenant } from '../../projections/tenants.ts'
import { type Invoice, shownInvoices } from '../../views/invoices.ts'

/** The tenant's invoices, drafts included, newest first. @throws NotFound; InvalidRequest on `cursor` */
export async function listInvoices(
  reader: Reader,
  tenantId: string,
  query: PageQuery,
): Promise<Page<Invoice>> {
  await assertKnownTenant(reader, tenantId)
  const invoices = reader
    .selectFrom('billing_invoices')
    .selectAll()
    .where('tenant_id', '=', tenantId)
    .where('status', '!=', 'deleted')
  const page = await pageOf(invoices, query, 'invoice_id', (invoice) => invoice)
  return { ...page, items: await shownInvoices(reader, page.items) }
}
