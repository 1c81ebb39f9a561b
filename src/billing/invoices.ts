import { type Page, type PageQuery, pageOf, readCursor } from '../db/page.ts'
import type { Reader, Row } from '../db/tables.ts'
import { assertKnownTenant } from '../projections/tenants.ts'

export type Invoice = Omit<
  Row<'billing_invoices'>,
  'usage_invoiced_at' | 'base_cents' | 'owed_base_cents' | 'as_of' | 'updated_at' | 'last_position'
>

/** The tenant's invoices, drafts included, newest first. @throws NotFound; InvalidRequest on `cursor` */
export async function listInvoices(
  reader: Reader,
  tenantId: string,
  { limit, cursor }: PageQuery,
): Promise<Page<Invoice>> {
  const after = readCursor(cursor)
  await assertKnownTenant(reader, tenantId)
  let query = reader
    .selectFrom('billing_invoices')
    .selectAll()
    .where('tenant_id', '=', tenantId)
    .where('status', '!=', 'deleted')
  if (after !== undefined)
    query = query.where((eb) =>
      eb.or([
        eb('created_at', '<', after.createdAt),
        eb.and([eb('created_at', '=', after.createdAt), eb('invoice_id', '<', after.id)]),
      ]),
    )
  const rows = await query
    .orderBy('created_at', 'desc')
    .orderBy('invoice_id', 'desc')
    .limit(limit + 1)
    .execute()
  const invoices = rows.map(
    ({
      usage_invoiced_at: _i,
      base_cents: _b,
      owed_base_cents: _o,
      as_of: _a,
      updated_at: _u,
      last_position: _l,
      ...invoice
    }) => invoice,
  )
  return pageOf(invoices, limit, (invoice) => invoice.invoice_id)
}
