import type { Reader } from '../db/tables.ts'
import type { StripeObjectType } from '../stripe/object-types.ts'

/** The table and key where an object of Stripe's is mirrored; setup intents live in the session alone, invoice items in their invoice. */
export const mirrors = {
  customer: ['billing_customers', 'customer_id'],
  subscription: ['billing_subscriptions', 'subscription_id'],
  invoice: ['billing_invoices', 'invoice_id'],
  payment_method: ['billing_payment_methods', 'payment_method_id'],
  coupon: ['billing_discounts', 'discount_id'],
  promotion_code: ['billing_discounts', 'discount_id'],
  product: ['billing_products', 'product_id'],
  price: ['billing_prices', 'price_id'],
} as const

/** The time of what our row shows, unix seconds. */
export async function mirrorOf(
  reader: Reader,
  objectType: StripeObjectType,
  id: string,
): Promise<{ as_of: number } | undefined> {
  if (objectType === 'setup_intent' || objectType === 'invoiceitem') return undefined
  const [table, key] = mirrors[objectType]
  return reader
    .selectFrom(table)
    .select('as_of')
    .where(reader.dynamic.ref(key), '=', id)
    .executeTakeFirst() as Promise<{ as_of: number } | undefined>
}
