import type { Reader } from '../db/tables.ts'

/** The platform base that earlier invoices of the tenant should have had and have not. */
export async function owedBaseCents(reader: Reader, tenantId: string): Promise<number> {
  const rows = await reader
    .selectFrom('billing_invoices')
    .select('owed_base_cents')
    .where('tenant_id', '=', tenantId)
    .where('owed_base_cents', '>', 0)
    .execute()
  return rows.reduce((sum, { owed_base_cents }) => sum + owed_base_cents, 0)
}
