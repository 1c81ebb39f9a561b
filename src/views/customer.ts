import { z } from 'zod'
import { cents, pickFields, timeOut } from '../db/fields.ts'
import type { Reader, Row } from '../db/tables.ts'
import { NotFound } from '../errors.ts'
import { assertNotErased } from '../projections/tenants.ts'

export const Customer = z
  .object({
    customer_id: z.string(),
    tenant_id: z.string(),
    email: z.string().nullable(),
    name: z.string().nullable(),
    phone: z.string().nullable(),
    default_payment_method_id: z.string().nullable(),
    balance_cents: cents.meta({ description: 'Owed (positive) or in credit (negative)' }),
    is_delinquent: z.boolean(),
    created_at: timeOut,
  })
  .meta({ id: 'Customer' })
export type Customer = z.infer<typeof Customer>

/** @throws NotFound for a tenant without a customer */
export async function customerOf(reader: Reader, tenantId: string): Promise<Customer> {
  await assertNotErased(reader, tenantId)
  const row = await findCustomer(reader, tenantId)
  if (row === undefined) throw new NotFound('customer')
  return { ...pickFields(Customer, row), is_delinquent: row.is_delinquent === 1 }
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
