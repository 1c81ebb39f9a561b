import type { Reader } from '../db/tables.ts'
import { AppError } from '../errors.ts'
import { assertKnownTenant } from '../projections/tenants.ts'
import { findCustomer } from '../views/customer.ts'

/** Who pays for the tenant, by Stripe's id. @throws NotFound for an unknown tenant; AppError conflict without a customer */
export async function payingCustomer(reader: Reader, tenantId: string): Promise<string> {
  await assertKnownTenant(reader, tenantId)
  const customer = await findCustomer(reader, tenantId)
  if (customer === undefined)
    throw new AppError(
      'conflict',
      'This tenant has no customer at Stripe yet; POST /billing/customers makes it',
    )
  return customer.customer_id
}
