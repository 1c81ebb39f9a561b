import { isErased } from '../db/seals.ts'
import type { Reader } from '../db/tables.ts'
import { isStripeId } from '../log/safe-words.ts'
import { idOf, memberOf, textOf } from '../projections/read-value.ts'
import { knownTenants } from '../projections/tenants.ts'

export type Owner = {
  tenantId: string | null
  /** Why the object contradicts what we know; the event is quarantined then. */
  conflict: 'tenant_mismatch' | 'second_customer' | null
}

/** An object, as an answer or an event shows it. */
type ObjectOrChange = { object: object; previous_attributes?: object }

/** Whose an object is: by its customer, which only our own records map to a tenant; metadata can contradict that. */
export async function ownerOf(reader: Reader, change: ObjectOrChange): Promise<Owner> {
  const { object }: { object: { id?: string; object?: string; metadata?: Record<string, string> | null } } =
    change
  const customerId = customerNamedIn(change)
  const claimed = object.metadata?.tenant_id ?? null
  const tenantId =
    customerId === null
      ? await ownerOfPaymentMethod(reader, object.id ?? '')
      : await mapped(reader, customerId)
  if (tenantId !== null) {
    const conflict = claimed !== null && claimed !== tenantId ? 'tenant_mismatch' : null
    return conflict === null ? { tenantId, conflict } : { tenantId: null, conflict }
  }
  // A customer that says whose it is: ours, made by a call whose answer has not come yet.
  const nobodys = { tenantId: null, conflict: null }
  if (object.object !== 'customer' || claimed === null) return nobodys
  // Kept as its own, so that nothing readable is kept of it.
  if (await isErased(reader, claimed)) return { tenantId: claimed, conflict: null }
  if (!(await knownTenants(reader, [claimed])).has(claimed)) return nobodys
  const other = await reader
    .selectFrom('billing_customers')
    .select('customer_id')
    .where('tenant_id', '=', claimed)
    .where('is_deleted', '=', 0)
    .executeTakeFirst()
  return other === undefined
    ? { tenantId: claimed, conflict: null }
    : { tenantId: null, conflict: 'second_customer' }
}

/** The customer that an event is about or names, be it odd in all else: with it the event may have to be forgotten. */
export function customerNamedIn({ object, previous_attributes }: ObjectOrChange): string | null {
  const named =
    memberOf(object, 'object') === 'customer'
      ? memberOf(object, 'id')
      : // A detached payment method has lost its customer: the event says whose it was.
        (idOf(memberOf(object, 'customer')) ??
        // A payment is its invoice's.
        idOf(memberOf(memberOf(object, 'invoice'), 'customer')) ??
        memberOf(previous_attributes, 'customer'))
  return isStripeId(named) ? named : null
}

/** Whether an event says that it is about a tenant that was erased: nothing readable is kept of it then. */
export async function namesErased(reader: Reader, { object }: ObjectOrChange): Promise<boolean> {
  const claimed = textOf(memberOf(memberOf(object, 'metadata'), 'tenant_id'))
  return claimed !== null && isErased(reader, claimed)
}

async function mapped(reader: Reader, customerId: string): Promise<string | null> {
  const row = await reader
    .selectFrom('billing_customers')
    .select('tenant_id')
    .where('customer_id', '=', customerId)
    .executeTakeFirst()
  return row?.tenant_id ?? null
}

async function ownerOfPaymentMethod(reader: Reader, id: string): Promise<string | null> {
  const row = await reader
    .selectFrom('billing_payment_methods')
    .select('tenant_id')
    .where('payment_method_id', '=', id)
    .executeTakeFirst()
  return row?.tenant_id ?? null
}
