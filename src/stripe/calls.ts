import type Stripe from 'stripe'
import { isSettled } from '../../machines/invoice.ts'
import { type StripeObjectType, subscriptionExpansions } from './object-types.ts'

export type CallParams = Record<string, unknown>
type Answer = { id: string }

/**
 * The calls that change something at Stripe. `run` makes the call; `find` looks for what an earlier call under this
 * key has made, for when the outcome is unknown and the key is forgotten: by a list, which shows writes at once
 * (Search does not), and by the key that we put in the object's metadata.
 */
type Call = {
  objectType: StripeObjectType
  /** The answer shows the object as it was at its creation. */
  isCreate: boolean
  run(stripe: Stripe, targetId: string, params: CallParams, options: Stripe.RequestOptions): Promise<Answer>
  find?(stripe: Stripe, params: CallParams, key: string): Promise<Answer | undefined>
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

export const callNames = [
  'create_customer',
  'update_customer',
  'create_setup_intent',
  'create_subscription',
  'update_subscription',
  'cancel_subscription',
  'create_coupon',
  'create_promotion_code',
  'update_promotion_code',
  'delete_coupon',
  'create_invoice_item',
  'void_invoice',
  'delete_customer',
] as const
export type CallName = (typeof callNames)[number]

export const calls: Record<CallName, Call> = {
  create_customer: {
    objectType: 'customer',
    isCreate: true,
    run: (stripe, _target, params, options) =>
      stripe.customers.create(params as Stripe.CustomerCreateParams, options),
    find: (stripe, params, key) =>
      firstOf(stripe.customers.list({ email: String(params.email), limit: 100 }), key),
  },
  update_customer: {
    objectType: 'customer',
    isCreate: false,
    run: (stripe, target, params, options) =>
      stripe.customers.update(target, params as Stripe.CustomerUpdateParams, options),
  },
  create_setup_intent: {
    objectType: 'setup_intent',
    isCreate: true,
    run: (stripe, _target, params, options) =>
      stripe.setupIntents.create(params as Stripe.SetupIntentCreateParams, options),
    find: (stripe, params, key) =>
      firstOf(stripe.setupIntents.list({ customer: String(params.customer), limit: 100 }), key),
  },
  create_subscription: {
    objectType: 'subscription',
    isCreate: true,
    run: (stripe, _target, params, options) =>
      stripe.subscriptions.create(
        { ...(params as Stripe.SubscriptionCreateParams), expand: subscriptionExpansions },
        options,
      ),
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
      stripe.subscriptions.update(
        target,
        { ...(params as Stripe.SubscriptionUpdateParams), expand: subscriptionExpansions },
        options,
      ),
  },
  cancel_subscription: {
    objectType: 'subscription',
    isCreate: false,
    run: (stripe, target, params, options) =>
      stripe.subscriptions.cancel(
        target,
        { ...(params as Stripe.SubscriptionCancelParams), expand: subscriptionExpansions },
        options,
      ),
  },
  create_coupon: {
    objectType: 'coupon',
    isCreate: true,
    run: (stripe, _target, params, options) =>
      stripe.coupons.create(params as Stripe.CouponCreateParams, options),
    find: async (stripe, params, key) => {
      const coupon = await stripe.coupons.retrieve(String(params.id)).catch(undefinedIfMissing)
      return coupon !== undefined && madeUnder(key)(coupon) ? coupon : undefined
    },
  },
  create_promotion_code: {
    objectType: 'promotion_code',
    isCreate: true,
    run: (stripe, _target, params, options) =>
      stripe.promotionCodes.create(params as unknown as Stripe.PromotionCodeCreateParams, options),
    find: (stripe, params, key) =>
      firstOf(stripe.promotionCodes.list({ code: String(params.code), limit: 100 }), key),
  },
  update_promotion_code: {
    objectType: 'promotion_code',
    isCreate: false,
    run: (stripe, target, params, options) =>
      stripe.promotionCodes.update(target, params as Stripe.PromotionCodeUpdateParams, options),
  },
  delete_coupon: {
    objectType: 'coupon',
    isCreate: false,
    run: (stripe, target, _params, options) => stripe.coupons.del(target, {}, options),
  },
  create_invoice_item: {
    objectType: 'invoiceitem',
    isCreate: true,
    run: (stripe, _target, params, options) =>
      stripe.invoiceItems.create(params as Stripe.InvoiceItemCreateParams, options),
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

const undefinedIfMissing = (error: unknown): undefined => {
  if (error instanceof Error && 'code' in error && error.code === 'resource_missing') return undefined
  throw error
}
