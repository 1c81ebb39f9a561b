import { isDeepStrictEqual } from 'node:util'
import { z } from 'zod'
import { type AppContext, requireStripe } from '../context.ts'
import { text } from '../db/fields.ts'
import { NotFound } from '../errors.ts'
import type { Caller } from '../log/by.ts'
import { ask } from '../outbox/ask.ts'
import { customerRefusal } from '../outbox/requests/update-customer.ts'
import { assertKnownTenant } from '../projections/tenants.ts'
import { type Customer, customerOf, findCustomer } from '../views/customer.ts'
import { CustomerInput } from './create-customer.ts'

const line = text(200).optional()

/** What is left out stays as it is. */
export const CustomerChange = CustomerInput.pick({ email: true, name: true, phone: true })
  .partial()
  .extend({
    address: z
      .strictObject({
        ...{ line1: line, line2: line, city: line, state: line, postal_code: line },
        country: z
          .string()
          .regex(/^[A-Z]{2}$/, 'must be two letters, as of ISO 3166-1')
          .optional(),
      })
      .optional()
      .meta({ description: 'Replaces the one before; it stands on invoices, and is shown nowhere here' }),
  })
  .refine(
    (given) => Object.values(given).some((value) => value !== undefined),
    'must have a field to change: email, name, phone or address',
  )
export type CustomerChange = z.infer<typeof CustomerChange>

/**
 * Changes who the tenant's customer is, at Stripe and here.
 * @throws NotFound for a tenant without a customer; InvalidRequest for what Stripe does not take
 */
export async function changeCustomer(
  context: AppContext,
  by: Caller,
  tenantId: string,
  change: CustomerChange,
): Promise<Customer> {
  requireStripe(context)
  await assertKnownTenant(context.db.reader, tenantId)
  const isSame = ({ params }: { params: object }) => isDeepStrictEqual(params, change)
  try {
    await ask(context, { tenantId, operation: 'update_customer', by, isSame }, async ({ trx }) => {
      const customer = await findCustomer(trx, tenantId)
      if (customer === undefined) throw new NotFound('customer')
      return { call: 'update_customer', targetId: customer.customer_id, params: () => change }
    })
  } catch (error) {
    throw customerRefusal(error)
  }
  return customerOf(context.db.reader, tenantId)
}
