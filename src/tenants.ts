import type { Reader } from './db/tables.ts'

/** Those of the tenants that exist: they have an onboarding session or a customer. */
export async function knownTenants(reader: Reader, tenantIds: readonly string[]): Promise<Set<string>> {
  const ids = [...new Set(tenantIds)]
  if (ids.length === 0) return new Set()
  const rows = await reader
    .selectFrom('onboarding_sessions')
    .select('tenant_id')
    .where('tenant_id', 'in', ids)
    .union(reader.selectFrom('billing_customers').select('tenant_id').where('tenant_id', 'in', ids))
    .execute()
  return new Set(rows.map((row) => row.tenant_id))
}
