import type Stripe from 'stripe'
import { isSettled } from '../../machines/invoice.ts'
import { keysOf } from '../db/keys-of.ts'
import { type StripeObjectType, subscriptionExpansions } from './object-types.ts'

/** Of any call, as the log has them. */
export type CallParams = Record<string, unknown>
type Answer = { id: string }

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
  create_invoice_item: Stripe.InvoiceItemCreateParams
  void_invoice: CallParams
  delete_customer: CallParams
}
export type CallName = keyof ParamsOf

/**
 * The calls that change something at Stripe. `run` makes the call; `find` looks for what an earlier call under this
 * key has made, for when the outcome is unknown and the key is forgotten: by a list, which shows writes at once
 * (Search does not), and by the key that we put in the object's metadata.
 */
type Call<P> = {
  objectType: StripeObjectType
  /** The answer shows the object as it was at its creation. */
  isCreate: boolean
  run(stripe: Stripe, targetId: string, params: P, options: Stripe.RequestOptions): Promise<Answer>
  find?(stripe: Stripe, params: P, key: string): Promise<Answer | undefined>
}

/** The member of an object's metadata that holds the key of the call that made it. */
export const keyInMetadata = 'stepledger_key'

const madeUnder = (key: string) => (object: { metadata?: Stripe.Metadata | null }) =>
  object.metadata?.[keyInMetadata] === key

async function firstOf<T extends Answer & { metadata?: Stripe.Metadata | null }>(
  list: AsyncIterable<T>,
  key: string,
): Promise<T | undefined> {
  const isOurs = madeUnder(key)
  for await (const object of list) if (isOurs(object)) return object
  return undefined
}

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
    run: (stripe, _target, params, options) =>
      stripe.subscriptions.create({ ...params, expand: subscriptionExpansions }, options),
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
  create_invoice_item: {
    objectType: 'invoiceitem',
    isCreate: true,
    run: (stripe, _target, params, options) => stripe.invoiceItems.create(params, options),
    find: (stripe, params, key) =>
      firstOf(stripe.invoiceItems.list({ invoice: String(params.invoice), limit: 100 }), key),
  },
  void_invoice: {
    objectType: 'invoice',
    isCreate: false,
    run: voidInvoice,
  },
  delete_customer: {
    objectType: 'customer',
    isCreate: false,
    run: (stripe, target, _params, options) => stripe.customers.del(target, {}, options),
  },
}

export const callNames = keysOf(calls)

/** A draft is made final first, since Stripe voids none. One of nothing is paid by that; what is over stays as it is. */
async function voidInvoice(
  stripe: Stripe,
  id: string,
  _params: CallParams,
  { idempotencyKey }: Stripe.RequestOptions,
): Promise<Stripe.Invoice> {
  let invoice = await stripe.invoices.retrieve(id)
  if (invoice.status === 'draft')
    invoice = await stripe.invoices.finalizeInvoice(
      id,
      { auto_advance: false },
      { idempotencyKey: `${idempotencyKey}:finalize` },
    )
  if (isSettled(String(invoice.status))) return invoice
  return stripe.invoices.voidInvoice(id, {}, idempotencyKey === undefined ? {} : { idempotencyKey })
}

/** @param params as its table wants them: the log cannot say which go with which call */
export const callOf = (name: CallName): Call<CallParams> => calls[name]

const undefinedIfMissing = (error: unknown): undefined => {
  if (error instanceof Error && 'code' in error && error.code === 'resource_missing') return undefined
  throw error
}
