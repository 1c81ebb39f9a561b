import { z } from 'zod'
import { fieldsOf, timeOut } from '../db/fields.ts'
import { type Page, type PageQuery, pageOf } from '../db/page.ts'
import type { Reader } from '../db/tables.ts'
import { assertKnownTenant } from '../projections/tenants.ts'
import { isExpired } from '../views/cards.ts'

/** `is_default`: what the customer's or the live subscription's invoices are paid with. */
export const PaymentMethod = z
  .object({
    payment_method_id: z.string(),
    tenant_id: z.string(),
    customer_id: z.string(),
    type: z.string(),
    brand: z.string().nullable(),
    last4: z.string().nullable(),
    exp_month: z.int().nullable(),
    exp_year: z.int().nullable(),
    is_default: z.boolean(),
    is_expired: z.boolean().meta({ description: 'Its month is over' }),
    created_at: timeOut,
  })
  .meta({ id: 'PaymentMethod' })
export type PaymentMethod = z.infer<typeof PaymentMethod>

/** The payment methods that are attached to the tenant's customer, newest first. @throws NotFound; InvalidRequest */
export async function listPaymentMethods(
  reader: Reader,
  tenantId: string,
  page: PageQuery,
  now: Date,
): Promise<Page<PaymentMethod>> {
  await assertKnownTenant(reader, tenantId)
  const methods = reader
    .selectFrom('billing_payment_methods')
    .select(fieldsOf(PaymentMethod.omit({ is_default: true, is_expired: true })))
    .where('tenant_id', '=', tenantId)
    .where('detached_at', 'is', null)
  const defaults = await defaultIds(reader, tenantId)
  return pageOf(methods, page, 'payment_method_id', (method) => ({
    ...method,
    is_default: defaults.has(method.payment_method_id),
    is_expired: isExpired(method, now),
  }))
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
