import { type Page, type PageQuery, pageOf, readCursor } from '../db/page.ts'
import type { Reader, Row } from '../db/tables.ts'
import { assertKnownTenant } from '../projections/tenants.ts'

export type PaymentMethod = Omit<
  Row<'billing_payment_methods'>,
  'detached_at' | 'as_of' | 'updated_at' | 'last_position'
> & {
  /** What the customer's or the live subscription's invoices are paid with. */
  is_default: boolean
}

/** The payment methods that are attached to the tenant's customer, newest first. @throws NotFound; InvalidRequest */
export async function listPaymentMethods(
  reader: Reader,
  tenantId: string,
  { limit, cursor }: PageQuery,
): Promise<Page<PaymentMethod>> {
  const after = readCursor(cursor)
  await assertKnownTenant(reader, tenantId)
  let query = reader
    .selectFrom('billing_payment_methods')
    .selectAll()
    .where('tenant_id', '=', tenantId)
    .where('detached_at', 'is', null)
  if (after !== undefined)
    query = query.where((eb) =>
      eb.or([
        eb('created_at', '<', after.createdAt),
        eb.and([eb('created_at', '=', after.createdAt), eb('payment_method_id', '<', after.id)]),
      ]),
    )
  const rows = await query
    .orderBy('created_at', 'desc')
    .orderBy('payment_method_id', 'desc')
    .limit(limit + 1)
    .execute()
  const defaults = await defaultIds(reader, tenantId)
  const methods = rows.map(
    ({ detached_at: _d, as_of: _a, updated_at: _u, last_position: _l, ...method }) => ({
      ...method,
      is_default: defaults.has(method.payment_method_id),
    }),
  )
  return pageOf(methods, limit, (method) => method.payment_method_id)
}

async function defaultIds(reader: Reader, tenantId: string): Promise<Set<string | null>> {
  const rows = await reader
    .selectFrom('billing_customers')
    .select('default_payment_method_id')
    .where('tenant_id', '=', tenantId)
    .where('is_deleted', '=', 0)
    .unionAll(
      reader
        .selectFrom('billing_subscriptions')
        .select('default_payment_method_id')
        .where('tenant_id', '=', tenantId)
        .where('ended_at', 'is', null),
    )
    .execute()
  return new Set(rows.map((row) => row.default_payment_method_id))
}
