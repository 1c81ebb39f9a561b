import type Stripe from 'stripe'
import { keysOf } from '../db/keys-of.ts'
import { type ReturnedPayment, returnedPayment } from './returned-payment.ts'

/** Whose objects of a type are, where their row is, how one is fetched, with what is needed beside it. */
type ObjectType = {
  /**
   * A tenant's: its facts are in the tenant's stream. The seller's, which are what is sold: in that of the catalogue, and their
   * ids are what the seller likes, any text.
   */
  owner: 'tenant' | 'seller'
  /** Its table and the key there. Null: setup intents are in the session alone, credit notes and what was given back in their invoice. */
  row: { table: RowTable; key: string } | null
  /** Events about it are read; of other objects the log alone has them. */
  hasEvents: boolean
  /** It does not say whose it is: what is asked for because of it says so. */
  namesNoCustomer?: true
  retrieve(stripe: Stripe, id: string): Promise<{ id: string }>
}

type RowTable =
  | 'billing_customers'
  | 'billing_subscriptions'
  | 'billing_invoices'
  | 'billing_invoice_items'
  | 'billing_payment_methods'
  | 'billing_discounts'
  | 'billing_products'
  | 'billing_prices'

/**
 * What is needed beside a subscription: its first invoice, the bank's challenge, the discounts' terms. Stripe expands four
 * levels: in a list a coupon's products are one too deep.
 */
export const subscriptionExpansions = [
  'latest_invoice.confirmation_secret',
  'discounts.source.coupon.applies_to',
  'discounts.promotion_code',
]
export const listedSubscriptionExpansions = [
  'data.latest_invoice.confirmation_secret',
  'data.discounts.source.coupon',
  'data.discounts.promotion_code',
]

/** The objects of Stripe that facts carry. */
export const objectTypes = {
  customer: {
    owner: 'tenant',
    row: { table: 'billing_customers', key: 'customer_id' },
    hasEvents: true,
    retrieve: (stripe, id) => stripe.customers.retrieve(id),
  },
  subscription: {
    owner: 'tenant',
    row: { table: 'billing_subscriptions', key: 'subscription_id' },
    hasEvents: true,
    retrieve: (stripe, id) => stripe.subscriptions.retrieve(id, { expand: subscriptionExpansions }),
  },
  invoice: {
    owner: 'tenant',
    row: { table: 'billing_invoices', key: 'invoice_id' },
    hasEvents: true,
    retrieve: (stripe, id) => stripe.invoices.retrieve(id, { expand: ['confirmation_secret'] }),
  },
  payment_method: {
    owner: 'tenant',
    row: { table: 'billing_payment_methods', key: 'payment_method_id' },
    hasEvents: true,
    retrieve: (stripe, id) => stripe.paymentMethods.retrieve(id),
  },
  setup_intent: {
    owner: 'tenant',
    row: null,
    hasEvents: true,
    retrieve: (stripe, id) => stripe.setupIntents.retrieve(id, { expand: ['payment_method'] }),
  },
  coupon: {
    owner: 'seller',
    row: { table: 'billing_discounts', key: 'discount_id' },
    hasEvents: true,
    retrieve: (stripe, id) => stripe.coupons.retrieve(id, { expand: ['applies_to'] }),
  },
  promotion_code: {
    owner: 'seller',
    row: { table: 'billing_discounts', key: 'discount_id' },
    hasEvents: true,
    retrieve: (stripe, id) => stripe.promotionCodes.retrieve(id),
  },
  product: {
    owner: 'seller',
    row: { table: 'billing_products', key: 'product_id' },
    hasEvents: true,
    retrieve: (stripe, id) => stripe.products.retrieve(id),
  },
  price: {
    owner: 'seller',
    row: { table: 'billing_prices', key: 'price_id' },
    hasEvents: true,
    retrieve: (stripe, id) => stripe.prices.retrieve(id),
  },
  invoiceitem: {
    owner: 'tenant',
    row: { table: 'billing_invoice_items', key: 'item_id' },
    hasEvents: true,
    retrieve: (stripe, id) => stripe.invoiceItems.retrieve(id),
  },
  credit_note: {
    owner: 'tenant',
    row: null,
    hasEvents: true,
    retrieve: (stripe, id) => stripe.creditNotes.retrieve(id),
  },
  refund: {
    owner: 'tenant',
    row: null,
    hasEvents: true,
    retrieve: (stripe, id) => stripe.refunds.retrieve(id),
  },
  dispute: {
    owner: 'tenant',
    row: null,
    hasEvents: true,
    namesNoCustomer: true,
    retrieve: (stripe, id) => stripe.disputes.retrieve(id),
  },
  /** Asked for by the payment intent, with the invoice and what was given back of it. */
  invoice_payment: { owner: 'tenant', row: null, hasEvents: false, retrieve: returnedPayment },
} as const satisfies Record<keyof StripeObjects, ObjectType>

/** As the SDK types them. What is read of one may be odd all the same, or missing: Stripe's API has many versions. */
export type StripeObjects = {
  customer: Stripe.Customer
  subscription: Stripe.Subscription
  invoice: Stripe.Invoice
  payment_method: Stripe.PaymentMethod
  setup_intent: Stripe.SetupIntent
  coupon: Stripe.Coupon
  promotion_code: Stripe.PromotionCode
  product: Stripe.Product
  price: Stripe.Price
  invoiceitem: Stripe.InvoiceItem
  credit_note: Stripe.CreditNote
  refund: Stripe.Refund
  dispute: Stripe.Dispute
  invoice_payment: ReturnedPayment
}
export type StripeObjectType = keyof StripeObjects
export type StripeEvent = Stripe.Event

export const stripeObjectTypes = keysOf(objectTypes)
export const isStripeObjectType = (type: unknown): type is StripeObjectType =>
  stripeObjectTypes.some((each) => each === type)

/** @param type any `object` of Stripe's */
export const isSellers = (type: string) => isStripeObjectType(type) && objectTypes[type].owner === 'seller'
