import { rowsIn, type TableRow } from '../db/table-rows.ts'
import type { Reader } from '../db/tables.ts'
import { projections } from '../projections/project.ts'

const ofNobody: string[] = ['billing_products', 'billing_prices', 'billing_discounts', 'billing_rate_cards']

/** The projected tables that have tenants' rows. */
const tenantTables = projections.filter(({ table }) => !ofNobody.includes(table))

/** Every row of a tenant, by table, in the order of the keys. */
export async function rowsOfTenant(reader: Reader, tenantId: string): Promise<Record<string, TableRow[]>> {
  const tables: Record<string, TableRow[]> = {}
  for (const { table, primaryKey } of tenantTables)
    tables[table] = await rowsIn(reader, table)
      .where('tenant_id', '=', tenantId)
      .orderBy(primaryKey)
      .execute()
  return tables
}
