import { z } from 'zod'
import { type AppContext, requireStripe } from '../../context.ts'
import { resourceId, tenantId, text } from '../../db/fields.ts'
import type { Reader } from '../../db/tables.ts'
import { Conflict, NotFound } from '../../errors.ts'
import {
  assertRedeemable,
  type ResolvedDiscount,
  resolveDiscount,
} from '../../inbox/catalogue/discount-terms.ts'
import { refreshDiscount } from '../../inbox/catalogue/look-up-discount.ts'
import { type PriceTerms, resolvePrice } from '../../inbox/catalogue/price-terms.ts'
import { takeIn } from '../../inbox/take-in.ts'
import type { By, Caller } from '../../log/by.ts'
import { ask, type Order, resume } from '../../outbox/ask.ts'
import {
  decideSubscription,
  orderedIn,
  type PaymentBehavior,
  type SubscriptionWanted,
  subscriptionKnown,
  subscriptionRefusal,
  wantsAuthentication,
} from '../../outbox/requests/create-subscription.ts'
import { askStripe } from '../../stripe/ask-stripe.ts'
import type { CallParams } from '../../stripe/call.ts'
import { failureOf } from '../../stripe/failure.ts'
import { ownSubscription, Subscription, shownSubscription } from '../../views/subscriptions.ts'

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

/**
 * A tenant's one live subscription. Declined: nothing is left at Stripe, and the request can be sent again. Where the
 * bank wants the customer's authentication the subscription waits for it as `incomplete`, and `clientSecret` is for
 * Stripe.js to go on with: it is fetched each time and kept nowhere.
 * @throws NotFound; InvalidRequest on a field; AppError already_subscribed, payment_method_required, card_declined,
 *   currency_mismatch, conflict for a discount that is used up
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
      if (!wantsAuthentication(failureOf(error)?.code)) throw error
      return attempt('allow_incomplete')
    })
  } catch (error) {
    throw subscriptionRefusal(error, input.payment_method_id !== undefined)
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

async function request(
  context: AppContext,
  by: Caller,
  of: { input: SubscriptionInput; clientKey: string | undefined; behavior: PaymentBehavior },
): Promise<string> {
  const { input, clientKey, behavior } = of
  const { tenant_id: tenantId, trial_period_days: trialDays = 0 } = input
  const { reader } = context.db
  const order: Order = {
    ...{ tenantId, operation: 'create_subscription', by, clientKey },
    isSame: ({ params }) => isFor(input, params, reader),
  }
  // Before anything is looked up: what was asked for before may have used the discount up.
  const resumed = await resume(context, order)
  if (resumed !== undefined) return resumed
  const terms = await termsOf(context, by, input)
  return ask(context, order, async (turn, { madeBefore }) => {
    const wanted: SubscriptionWanted = {
      ...{ tenantId, askedBy: 'operation', customerId: input.customer_id, trialDays, behavior },
      priceId: input.price_id,
      planId: terms?.price.plan_id ?? '',
      currency: terms?.price.currency ?? '',
      paymentMethodId: input.payment_method_id ?? null,
      discount: terms?.discount?.terms ?? null,
    }
    const decision = decideSubscription(
      await subscriptionKnown(turn.trx, tenantId, turn.now),
      wanted,
      madeBefore,
    )
    if ('objectId' in decision) return decision
    if (terms === null) throw new Conflict('The subscription has ended meanwhile; send the request again')
    const { price, discount } = terms
    if (discount !== null) await assertRedeemable(turn.trx, discount)
    await takeIn(turn, price.observations, { cause: `${tenantId}:subscribe:${turn.now}` })
    return decision
  })
}

type Terms = { price: PriceTerms; discount: ResolvedDiscount | null }

/** Null where there is a live subscription: then there is nothing to pay for, and its discount may be used up by it. */
async function termsOf(context: AppContext, by: By, input: SubscriptionInput): Promise<Terms | null> {
  const { customerId, live } = await subscriptionKnown(
    context.db.reader,
    input.tenant_id,
    context.now().toISOString(),
  )
  if (customerId !== input.customer_id) throw new NotFound('customer of this tenant')
  if (live !== null) return null
  const stripe = requireStripe(context)
  const price = await resolvePrice(stripe, input.price_id)
  const { discount_code: code } = input
  if (code === undefined) return { price, discount: null }
  const discount = await resolveDiscount(stripe, code, await refreshDiscount(context, code, by), {
    amountCents: price.amount_cents,
    currency: price.currency,
    productId: price.product_id,
    customerId: input.customer_id,
    trialDays: input.trial_period_days ?? 0,
    startsAt: context.now(),
  })
  return { price, discount }
}

/** Whether a pending call is what this request asks for, on whichever terms of payment. */
async function isFor(input: SubscriptionInput, params: CallParams, reader: Reader): Promise<boolean> {
  const { priceId, discountIds } = orderedIn(params)
  const isSame =
    params.customer === input.customer_id &&
    priceId === input.price_id &&
    (params.trial_period_days ?? 0) === (input.trial_period_days ?? 0) &&
    params.default_payment_method === input.payment_method_id
  const [discountId] = discountIds
  if (!isSame || discountId === undefined) return isSame && input.discount_code === undefined
  const row = await reader
    .selectFrom('billing_discounts')
    .select('code')
    .where('discount_id', '=', discountId)
    .executeTakeFirst()
  return row?.code.toLowerCase() === input.discount_code?.toLowerCase()
}
