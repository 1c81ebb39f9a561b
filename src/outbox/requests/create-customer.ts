import type { Reader } from '../../db/tables.ts'
import { keyInMetadata } from '../../stripe/call.ts'
import { findCustomer } from '../../views/customer.ts'
import type { Decision } from '../ask.ts'
import { assertFree, requestsUnderWay, type UnderWay } from '../under-way.ts'

/** A tenant becomes a customer at Stripe: one per tenant, whoever asks. */
export type CustomerWanted = {
  tenantId: string
  askedBy: UnderWay['askedBy']
  email: string
  name: string
  phone?: string | undefined
  metadata: Record<string, string>
}

/** `customerId`: the tenant's, that is not deleted. */
type CustomerKnown = { customerId: string | null; underWay: readonly UnderWay[] }

export async function customerKnown(reader: Reader, tenantId: string): Promise<CustomerKnown> {
  const customer = await findCustomer(reader, tenantId)
  return {
    customerId: customer?.customer_id ?? null,
    underWay: await requestsUnderWay(reader, tenantId),
  }
}

/** @throws Conflict while somebody else may be making one */
export function decideCustomer({ customerId, underWay }: CustomerKnown, wanted: CustomerWanted): Decision {
  // A tenant that is one already keeps it.
  if (customerId !== null) return { objectId: customerId }
  assertFree(underWay, wanted.askedBy)
  return { call: 'create_customer', targetId: null, params: (key) => paramsOf(wanted, key) }
}

function paramsOf({ tenantId, email, name, phone, metadata }: CustomerWanted, key: string) {
  return {
    email,
    name,
    ...(phone === undefined ? {} : { phone }),
    metadata: { ...metadata, tenant_id: tenantId, [keyInMetadata]: key },
  }
}
