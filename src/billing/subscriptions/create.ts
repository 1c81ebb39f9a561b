import { z } from 'zod'
import type { SelectedDiscount } from '../../../machines/onboarding-facts.ts'
import { type AppContext, requireStripe } from '../../context.ts'
import { resourceId, tenantId, text } from '../../db/fields.ts'
import type { Reader } from '../../db/tables.ts'
import { AppError, Conflict, NotFound } from '../../errors.ts'
import {
  assertRedeemable,
  type ResolvedDiscount,
  resolveDiscount,
} from '../../inbox/catalogue/discount-terms.ts'
import { refreshDiscount } from '../../inbox/catalogue/look-up-discount.ts'
import { type PriceTerms, resolvePrice } from '../../inbox/catalogue/price-terms.ts'
import { takeIn } from '../../inbox/take-in.ts'
import type { By, Caller } from '../../log/by.ts'
import { assertNoPendingStep } from '../../outbox/onboarding-steps.ts'
import { operate } from '../../outbox/operate.ts'
import { askStripe } from '../../stripe/ask-stripe.ts'
import { keyInMetadata } from '../../stripe/calls.ts'
import { findCustomer } from '../../views/customer.ts'
import {
  isLive,
  latestSubscription,
  ownSubscription,
  Subscription,
  type SubscriptionRow,
  shownSubscription,
} from '../../views/subscriptions.ts'
import { asRefusal, wantsAuthentication } from './refusals.ts'

export const SubscriptionInput = z.strictObject({
  tenant_id: tenantId,
  customer_id: resourceId,
  price_id: resourceId,
  trial_period_days: z.int().min(0).max(730).optional(),
  discount_code: text(128).optional(),
  /** Left out: the customer's default. */
  payment_method_id: resourceId.optional(),
})
export type SubscriptionInput = z.infer<typeof SubscriptionInput>

export const NewSubscription = Subscription.and(
  z.object({
    client_secret: z.string().optional().meta({ description: 'Where the bank wants authentication' }),
    requires_action: z.boolean().optional(),
  }),
)
export type NewSubscription = z.infer<typeof NewSubscription>

type PaymentBehavior = 'error_if_incomplete' | 'allow_incomplete'

/**
 * A tenant's one live subscription. Declined: nothing is left at Stripe, and the request can be sent again. Where the
 * bank wants the customer's authentication the subscription waits for it as `incomplete`, and `client_secret` is for
 * Stripe.js to go on with: it is fetched each time and kept nowhere.
 * @throws NotFound; InvalidRequest on a field; AppError already_subscribed, payment_method_required, card_declined,
 *   conflict for a discount that is used up
 */
export async function createSubscription(
  context: AppContext,
  by: Caller,
  input: SubscriptionInput,
  clientKey: string | undefined,
): Promise<NewSubscription> {
  const stripe = requireStripe(context)
  const { reader } = context.db
  const attempt = (behavior: PaymentBehavior) => request(context, by, { input, clientKey, behavior })
  let subscriptionId: string
  try {
    subscriptionId = await attempt('error_if_incomplete').catch((error) => {
      if (!wantsAuthentication(error)) throw error
      return attempt('allow_incomplete')
    })
  } catch (error) {
    throw asRefusal(error, input)
  }
  const row = await ownSubscription(reader, subscriptionId, by)
  const clientSecret =
    row.status === 'incomplete'
      ? (await askStripe(() => stripe.fetch('subscription', subscriptionId))).clientSecret
      : null
  return {
    ...shownSubscription(row),
    ...(clientSecret === null ? {} : { client_secret: clientSecret, requires_action: true }),
  }
}

function request(
  context: AppContext,
  by: Caller,
  about: { input: SubscriptionInput; clientKey: string | undefined; behavior: PaymentBehavior },
): Promise<string> {
  const { input, clientKey, behavior } = about
  const { tenant_id: tenantId } = input
  return operate(context, {
    tenantId,
    operation: 'create_subscription',
    by,
    clientKey,
    isSame: (pending, reader) => isFor(input, pending.params, reader),
    prepare: () => termsOf(context, by, input),
    async decide(turn, { madeBefore, prepared }) {
      const { trx } = turn
      await assertCustomer(trx, input)
      await assertNoPendingStep(trx, tenantId)
      const live = await liveSubscription(trx, tenantId)
      if (live !== undefined && live.subscription_id === madeBefore) return madeBefore
      if (live !== undefined)
        throw new AppError('already_subscribed', 'This tenant has a subscription already', {
          details: { subscription_id: live.subscription_id, status: live.status },
        })
      if (prepared === null)
        throw new Conflict('The subscription has ended meanwhile; send the request again')
      const { price, discount } = prepared
      if (discount !== null) await assertRedeemable(trx, discount)
      await takeIn(turn, price.observations, { cause: `${tenantId}:subscribe:${turn.now}` })
      return { targetId: null, params: paramsOf(input, prepared, behavior) }
    },
  })
}

type Terms = { price: PriceTerms; discount: ResolvedDiscount | null }

/** Null where there is a live subscription: then there is nothing to pay for, and its discount may be used up by it. */
async function termsOf(context: AppContext, by: By, input: SubscriptionInput): Promise<Terms | null> {
  const { reader } = context.db
  await assertCustomer(reader, input)
  if ((await liveSubscription(reader, input.tenant_id)) !== undefined) return null
  const stripe = requireStripe(context)
  const price = await resolvePrice(stripe, input.price_id)
  const { discount_code: code } = input
  if (code === undefined) return { price, discount: null }
  const discount = await resolveDiscount(stripe, code, await refreshDiscount(context, code, by), {
    amountCents: price.amount_cents,
    currency: price.currency,
    productId: price.product_id,
    customerId: input.customer_id,
  })
  return { price, discount }
}

async function liveSubscription(reader: Reader, tenantId: string): Promise<SubscriptionRow | undefined> {
  const latest = await latestSubscription(reader, tenantId)
  return latest !== undefined && isLive(latest) ? latest : undefined
}

async function assertCustomer(reader: Reader, { tenant_id, customer_id }: SubscriptionInput): Promise<void> {
  const customer = await findCustomer(reader, tenant_id)
  if (customer?.customer_id !== customer_id) throw new NotFound('customer of this tenant')
}

const paramsOf =
  (input: SubscriptionInput, { price, discount }: Terms, behavior: PaymentBehavior) =>
  (key: string): Record<string, unknown> => ({
    customer: input.customer_id,
    items: [{ price: price.price_id }],
    payment_behavior: behavior,
    ...(input.trial_period_days ? { trial_period_days: input.trial_period_days } : {}),
    ...(input.payment_method_id === undefined ? {} : { default_payment_method: input.payment_method_id }),
    ...(discount === null ? {} : { discounts: [redeemed(discount.terms)] }),
    metadata: { tenant_id: input.tenant_id, plan_id: price.plan_id, [keyInMetadata]: key },
  })

const redeemed = ({ promotion_code_id, coupon_id }: SelectedDiscount) =>
  promotion_code_id === null ? { coupon: coupon_id } : { promotion_code: promotion_code_id }

/** Whether a pending call is what this request asks for, on whichever terms of payment. */
async function isFor(
  input: SubscriptionInput,
  params: Record<string, unknown>,
  reader: Reader,
): Promise<boolean> {
  const [item] = params.items as { price: string }[]
  const isSame =
    params.customer === input.customer_id &&
    item?.price === input.price_id &&
    (params.trial_period_days ?? 0) === (input.trial_period_days ?? 0) &&
    params.default_payment_method === input.payment_method_id
  const [discount] = (params.discounts ?? []) as { coupon?: string; promotion_code?: string }[]
  if (!isSame || discount === undefined) return isSame && input.discount_code === undefined
  const row = await reader
    .selectFrom('billing_discounts')
    .select('code')
    .where('discount_id', '=', discount.promotion_code ?? discount.coupon ?? '')
    .executeTakeFirst()
  return row?.code.toLowerCase() === input.discount_code?.toLowerCase()
}
