import { z } from 'zod'
import { type AppContext, requireStripe } from '../context.ts'
import { text } from '../db/fields.ts'
import type { Caller } from '../log/by.ts'
import { ask } from '../outbox/ask.ts'
import { customerKnown, decideCustomer } from '../outbox/requests/create-customer.ts'
import { customerRefusal } from '../outbox/requests/update-customer.ts'
import { keyInMetadata } from '../stripe/call.ts'
import { type Customer, customerOf } from '../views/customer.ts'

/** As Stripe takes it, beside what we put there ourselves. */
const stripeMetadata = z
  .record(
    z
      .string()
      .max(40)
      .regex(/^[^[\]]+$/, 'must have no square brackets'),
    z.string().max(500),
  )
  .refine((value) => Object.keys(value).length <= 40, 'must have at most 40 fields')
  .refine(
    (value) => !['tenant_id', 'company_name', keyInMetadata].some((name) => name in value),
    `must leave tenant_id, company_name and ${keyInMetadata} to us`,
  )

export const CustomerInput = z.strictObject({
  tenant_id: z
    .string()
    .regex(/^[A-Za-z0-9_-]{1,128}$/, 'must be 1 to 128 letters, digits, _ and -')
    .meta({ example: 'Jeturing_123' }),
  email: z.email('must be an e-mail address').max(254),
  name: text(200),
  phone: z
    .string()
    .regex(/^\+?[0-9 ().-]{5,30}$/, 'must be a phone number: digits, with + before the country')
    .optional(),
  company_name: text(200).optional(),
  metadata: stripeMetadata.default({}),
})
export type CustomerInput = z.infer<typeof CustomerInput>

/**
 * The tenant's customer at Stripe, which is made if there is none: one per tenant, whatever else the request says.
 * A tenant that nobody has heard of becomes known by it.
 * @throws Conflict while the tenant's onboarding is making one; InvalidRequest for what Stripe does not take
 */
export async function createCustomer(
  context: AppContext,
  by: Caller,
  input: CustomerInput,
  clientKey: string | undefined,
): Promise<Customer> {
  requireStripe(context)
  const { tenant_id: tenantId, email, name, phone, company_name, metadata: given } = input
  const metadata = company_name === undefined ? given : { ...given, company_name }
  const wanted = { tenantId, askedBy: 'operation', email, name, phone, metadata } as const
  const order = { tenantId, operation: 'create_customer', by, clientKey, isSame: () => true } as const
  try {
    await ask(context, order, async ({ trx }) => decideCustomer(await customerKnown(trx, tenantId), wanted))
  } catch (error) {
    throw customerRefusal(error)
  }
  return customerOf(context.db.reader, tenantId)
}
