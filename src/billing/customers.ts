import { type AppContext, type Caller, requireStripe } from '../context.ts'
import type { Reader, Row } from '../db/tables.ts'
import { AppError, InvalidRequest, NotFound } from '../errors.ts'
import { keyInMetadata } from '../stripe/calls.ts'
import { assertNotErased } from '../projections/tenants.ts'
import { assertNoPendingStep } from '../outbox/onboarding-steps.ts'
import { operate } from '../outbox/operate.ts'

export type CustomerInput = {
  tenant_id: string
  email: string
  name: string
  phone?: string | undefined
  company_name?: string | undefined
  metadata: Record<string, string>
}

export type Customer = Omit<
  Row<'billing_customers'>,
  'is_delinquent' | 'is_deleted' | 'as_of' | 'updated_at' | 'last_position'
> & { is_delinquent: boolean }

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
      async decide(trx) {
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

/** Stripe's names of the parameters are those of our fields. */
export function refusedField(error: unknown): unknown {
  if (!(error instanceof AppError) || error.code !== 'invalid_request') return error
  const param = String(error.details.param ?? '')
  if (!['email', 'name', 'phone'].includes(param)) return error
  return new InvalidRequest([{ path: param, message: 'is not accepted by Stripe' }])
}
