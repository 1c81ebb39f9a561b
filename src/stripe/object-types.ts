/** The objects of Stripe that facts carry. */
export const stripeObjectTypes = [
  'customer',
  'subscription',
  'invoice',
  'payment_method',
  'setup_intent',
  'coupon',
  'promotion_code',
  'product',
  'price',
  'invoiceitem',
] as const
export type StripeObjectType = (typeof stripeObjectTypes)[number]
