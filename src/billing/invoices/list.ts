import { type Page, type PageQuery, pageOf } from '../../db/page.ts'
import type { Reader } from '../../db/tables.ts'
import { assertKnownTenant } from '../../projections/tenants.ts'
import { type Invoice, shownInvoices } from '../../views/invoices.ts'

/** The tenant's invoices, or everybody's (null), drafts included, newest first. @throws NotFound; InvalidRequest on `cursor` */
export async function listInvoices(
  reader: Reader,
  tenantId: string | null,
  query: PageQuery,
): Promise<Page<Invoice>> {
  if (tenantId !== null) await assertKnownTenant(reader, tenantId)
  const invoices = reader
    .selectFrom('billing_invoices')
    .selectAll()
    .where('status', '!=', 'deleted')
    .$if(tenantId !== null, (all) => all.where('tenant_id', '=', tenantId))
  const page = await pageOf(invoices, query, 'invoice_id', (invoice) => invoice)
  return { ...page, items: await shownInvoices(reader, page.items) }
}
