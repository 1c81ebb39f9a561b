import type Stripe from 'stripe'
import { subscriptionExpansions } from './calls.ts'
import type { StripeObjectType } from './object-types.ts'

/** The object as it is now, with what is needed beside it. */
export function retrieve(stripe: Stripe, objectType: StripeObjectType, id: string): Promise<{ id: string }> {
  switch (objectType) {
    case 'customer':
      return stripe.customers.retrieve(id)
    case 'subscription':
      return stripe.subscriptions.retrieve(id, { expand: subscriptionExpansions })
    case 'invoice':
      return stripe.invoices.retrieve(id)
    case 'payment_method':
      return stripe.paymentMethods.retrieve(id)
    case 'setup_intent':
      return stripe.setupIntents.retrieve(id, { expand: ['payment_method'] })
    case 'coupon':
      return stripe.coupons.retrieve(id, { expand: ['applies_to'] })
    case 'promotion_code':
      return stripe.promotionCodes.retrieve(id)
    case 'product':
      return stripe.products.retrieve(id)
    case 'price':
      return stripe.prices.retrieve(id)
    case 'invoiceitem':
      return stripe.invoiceItems.retrieve(id)
  }
}

/** Nothing at Stripe has an id that would be another path, or that no path can hold: it is not asked for. */
export const canBeAnId = (id: string) =>
  id.isWellFormed() && id.length <= 500 && !/^\.{0,2}$|[\p{Cc}/\\]/u.test(id)
