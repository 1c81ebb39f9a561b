import { type AppContext, requireStripe } from '../context.ts'
import type { Caller } from '../log/by.ts'
import { assertNoPendingStep } from '../outbox/onboarding-steps.ts'
import { operate } from '../outbox/operate.ts'
import { refusedField } from '../outbox/refused-field.ts'
import { keyInMetadata } from '../stripe/calls.ts'
import { type Customer, customerOf, findCustomer } from '../views/customer.ts'

export type CustomerInput = {
  tenant_id: string
  email: string
  name: string
  phone?: string | undefined
  company_name?: string | undefined
  metadata: Record<string, string>
}

/**
 * The tenant's customer at Stripe, which is made if there is none: one per tenant, whatever else the request says.
 * A tenant that nobody has heard of becomes known by it.
 * @throws Conflict while the tenant's onboarding is making one
 */
export async function createCustomer(
  context: AppContext,
  by: Caller,
  input: CustomerInput,
  clientKey: string | undefined,
): Promise<Customer> {
  requireStripe(context)
  const { tenant_id: tenantId } = input
  try {
    await operate(context, {
      tenantId,
      operation: 'create_customer',
      by,
      clientKey,
      isSame: () => true,
      prepare: async () => undefined,
      async decide({ trx }) {
        const known = await findCustomer(trx, tenantId)
        if (known !== undefined) return known.customer_id
        await assertNoPendingStep(trx, tenantId)
        return { targetId: null, params: (key) => paramsOf(input, key) }
      },
    })
  } catch (error) {
    throw refusedField(error)
  }
  return customerOf(context.db.reader, tenantId)
}

function paramsOf(input: CustomerInput, key: string): Record<string, unknown> {
  const { tenant_id, email, name, phone, company_name, metadata } = input
  return {
    email,
    name,
    ...(phone === undefined ? {} : { phone }),
    metadata: {
      ...metadata,
      ...(company_name === undefined ? {} : { company_name }),
      tenant_id,
      [keyInMetadata]: key,
    },
  }
}
