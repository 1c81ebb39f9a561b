import type { Reader, Row } from '../db/tables.ts'
import { NotFound } from '../errors.ts'
import { assertNotErased } from '../projections/tenants.ts'

export type Customer = Omit<
  Row<'billing_customers'>,
  'is_delinquent' | 'is_deleted' | 'as_of' | 'updated_at' | 'last_position'
> & { is_delinquent: boolean }

/** @throws NotFound for a tenant without a customer */
export async function customerOf(reader: Reader, tenantId: string): Promise<Customer> {
  await assertNotErased(reader, tenantId)
  const row = await findCustomer(reader, tenantId)
  if (row === undefined) throw new NotFound('customer')
  const { is_delinquent, is_deleted: _d, as_of: _a, updated_at: _u, last_position: _l, ...columns } = row
  return { ...columns, is_delinquent: is_delinquent === 1 }
}

/** The tenant's customer that is not deleted. */
export function findCustomer(
  reader: Reader,
  tenantId: string,
): Promise<Row<'billing_customers'> | undefined> {
  return reader
    .selectFrom('billing_customers')
    .selectAll()
    .where('tenant_id', '=', tenantId)
    .where('is_deleted', '=', 0)
    .executeTakeFirst()
}
