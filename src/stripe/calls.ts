import type Stripe from 'stripe'
import { keysOf } from '../db/keys-of.ts'
import { type Call, type CallParams, firstOf, madeUnder } from './call.ts'
import { type InvoiceCallParams, invoiceCalls } from './invoice-calls.ts'
import { subscriptionExpansions } from './object-types.ts'
import { ensureUsageProduct } from './usage-product.ts'

/** What each call takes, as Stripe's SDK types it: what wants a call made decides on them, and the log keeps them. */
type ParamsOf = {
  create_customer: Stripe.CustomerCreateParams
  update_customer: Stripe.CustomerUpdateParams
  create_setup_intent: Stripe.SetupIntentCreateParams
  create_subscription: Stripe.SubscriptionCreateParams
  update_subscription: Stripe.SubscriptionUpdateParams
  cancel_subscription: Stripe.SubscriptionCancelParams
  create_coupon: Stripe.CouponCreateParams
  create_promotion_code: Stripe.PromotionCodeCreateParams & CallParams
  update_promotion_code: Stripe.PromotionCodeUpdateParams
  delete_coupon: CallParams
  delete_customer: CallParams
} & InvoiceCallParams
export type CallName = keyof ParamsOf

/** The calls that change something at Stripe. */
const calls: { [Name in CallName]: Call<ParamsOf[Name]> } = {
  create_customer: {
    objectType: 'customer',
    isCreate: true,
    run: (stripe, _target, params, options) => stripe.customers.create(params, options),
    find: (stripe, params, key) =>
      firstOf(stripe.customers.list({ email: String(params.email), limit: 100 }), key),
  },
  update_customer: {
    objectType: 'customer',
    isCreate: false,
    run: (stripe, target, params, options) => stripe.customers.update(target, params, options),
  },
  create_setup_intent: {
    objectType: 'setup_intent',
    isCreate: true,
    run: (stripe, _target, params, options) => stripe.setupIntents.create(params, options),
    find: (stripe, params, key) =>
      firstOf(stripe.setupIntents.list({ customer: String(params.customer), limit: 100 }), key),
  },
  create_subscription: {
    objectType: 'subscription',
    isCreate: true,
    run: async (stripe, _target, params, options) => {
      if (params.add_invoice_items !== undefined) await ensureUsageProduct(stripe)
      return stripe.subscriptions.create({ ...params, expand: subscriptionExpansions }, options)
    },
    find: (stripe, params, key) =>
      firstOf(
        stripe.subscriptions.list({ customer: String(params.customer), status: 'all', limit: 100 }),
        key,
      ),
  },
  update_subscription: {
    objectType: 'subscription',
    isCreate: false,
    run: (stripe, target, params, options) =>
      stripe.subscriptions.update(target, { ...params, expand: subscriptionExpansions }, options),
  },
  cancel_subscription: {
    objectType: 'subscription',
    isCreate: false,
    run: (stripe, target, params, options) =>
      stripe.subscriptions.cancel(target, { ...params, expand: subscriptionExpansions }, options),
  },
  create_coupon: {
    objectType: 'coupon',
    isCreate: true,
    run: (stripe, _target, params, options) => stripe.coupons.create(params, options),
    find: async (stripe, params, key) => {
      const coupon = await stripe.coupons.retrieve(String(params.id)).catch(undefinedIfMissing)
      return coupon !== undefined && madeUnder(key)(coupon) ? coupon : undefined
    },
  },
  create_promotion_code: {
    objectType: 'promotion_code',
    isCreate: true,
    run: (stripe, _target, params, options) => stripe.promotionCodes.create(params, options),
    find: (stripe, params, key) =>
      firstOf(stripe.promotionCodes.list({ code: String(params.code), limit: 100 }), key),
  },
  update_promotion_code: {
    objectType: 'promotion_code',
    isCreate: false,
    run: (stripe, target, params, options) => stripe.promotionCodes.update(target, params, options),
  },
  delete_coupon: {
    objectType: 'coupon',
    isCreate: false,
    run: (stripe, target, _params, options) => stripe.coupons.del(target, {}, options),
  },
  delete_customer: {
    objectType: 'customer',
    isCreate: false,
    run: (stripe, target, _params, options) => stripe.customers.del(target, {}, options),
  },
  ...invoiceCalls,
}

export const callNames = keysOf(calls)

/** @param params as its table wants them: the log cannot say which go with which call */
export const callOf = (name: CallName): Call<CallParams> => calls[name]

const undefinedIfMissing = (error: unknown): undefined => {
  if (error instanceof Error && 'code' in error && error.code === 'resource_missing') return undefined
  throw error
}
