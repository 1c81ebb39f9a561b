import { z } from 'zod'
import type { SelectedDiscount } from '../../../machines/onboarding-facts.ts'
import type { Reader } from '../../db/tables.ts'
import { AppError, NotFound } from '../../errors.ts'
import { assertCurrency } from '../../pricing/currency.ts'
import { cardAt, type RateCard } from '../../pricing/price.ts'
import { readRateCards } from '../../pricing/rate-cards.ts'
import { type CallParams, keyInMetadata } from '../../stripe/call.ts'
import { failureOf, inOurTerms } from '../../stripe/failure.ts'
import { usageProductId } from '../../stripe/usage-product.ts'
import { findCustomer } from '../../views/customer.ts'
import { isLive, latestSubscription } from '../../views/subscriptions.ts'
import type { Decision } from '../ask.ts'
import { assertFree, requestsUnderWay, type UnderWay } from '../under-way.ts'

/** A tenant's one live subscription, whoever asks. */
export type SubscriptionWanted = {
  tenantId: string
  askedBy: UnderWay['askedBy']
  /** Of an operation: as its request names it. */
  customerId: string | null
  priceId: string
  planId: string
  /** The price's. */
  currency: string
  /** Null: the customer's default. */
  paymentMethodId: string | null
  /** 0: no trial. */
  trialDays: number
  discount: SelectedDiscount | null
  behavior: PaymentBehavior
  sessionId?: string
}

/**
 * A decline leaves no subscription behind. Only when the bank has asked for the customer is one made that waits for them,
 * https://docs.stripe.com/api/subscriptions/create#create_subscription-payment_behavior
 */
export type PaymentBehavior = 'error_if_incomplete' | 'allow_incomplete'

export type SubscriptionKnown = {
  customerId: string | null
  live: { subscription_id: string; status: string } | null
  underWay: readonly UnderWay[]
  /** In force now. */
  card: Pick<RateCard, 'rates' | 'currency'>
}

export async function subscriptionKnown(
  reader: Reader,
  tenantId: string,
  now: string,
): Promise<SubscriptionKnown> {
  const customer = await findCustomer(reader, tenantId)
  const latest = await latestSubscription(reader, tenantId)
  const isAlive = latest !== undefined && isLive(latest)
  return {
    customerId: customer?.customer_id ?? null,
    live: isAlive ? { subscription_id: latest.subscription_id, status: latest.status } : null,
    underWay: await requestsUnderWay(reader, tenantId),
    card: cardAt(await readRateCards(reader), now),
  }
}

/**
 * @param madeBefore what the same request has made, where it was sent before
 * @throws NotFound; Conflict while somebody else may be making one; AppError already_subscribed,
 *   currency_mismatch
 */
export function decideSubscription(
  { customerId, live, underWay, card }: SubscriptionKnown,
  wanted: SubscriptionWanted,
  madeBefore: string | null = null,
): Decision {
  if (wanted.askedBy === 'operation' && customerId !== wanted.customerId)
    throw new NotFound('customer of this tenant')
  assertFree(underWay, wanted.askedBy)
  if (live !== null && live.subscription_id === madeBefore) return { objectId: madeBefore }
  if (live !== null)
    throw new AppError('already_subscribed', 'This tenant has a subscription already', { details: live })
  assertCurrency(card, wanted.currency)
  return { call: 'create_subscription', targetId: null, params: (key) => paramsOf(wanted, card, key) }
}

/** Without a trial the platform base of the first month is charged with the plan, in advance as it is. */
function paramsOf(wanted: SubscriptionWanted, card: SubscriptionKnown['card'], key: string): CallParams {
  const { customerId, priceId, planId, paymentMethodId, trialDays, discount, sessionId } = wanted
  const baseCents = trialDays === 0 ? card.rates.platform_base.rate_cents : 0
  return {
    customer: customerId,
    items: [{ price: priceId }],
    payment_behavior: wanted.behavior,
    ...(trialDays === 0 ? {} : { trial_period_days: trialDays }),
    ...(paymentMethodId === null ? {} : { default_payment_method: paymentMethodId }),
    ...(discount === null ? {} : { discounts: [redeemed(discount)] }),
    ...(baseCents === 0 ? {} : { add_invoice_items: [baseItem(wanted, baseCents, key)] }),
    metadata: {
      tenant_id: wanted.tenantId,
      ...(sessionId === undefined ? {} : { session_id: sessionId }),
      plan_id: planId,
      [keyInMetadata]: key,
      ...(baseCents === 0 ? {} : { stepledger_base_cents: String(baseCents) }),
    },
  }
}

const baseItem = ({ tenantId, currency }: SubscriptionWanted, baseCents: number, key: string) => ({
  price_data: { product: usageProductId, currency, unit_amount: baseCents },
  quantity: 1,
  discountable: false,
  metadata: { tenant_id: tenantId, usage_type: 'platform_base', [keyInMetadata]: `${key}:base` },
})

/** What is read again of the parameters of a call that makes or changes a subscription, as the log has them. */
const SubscriptionParams = z.looseObject({
  items: z.array(z.looseObject({ price: z.string() })).default([]),
  discounts: z
    .array(z.looseObject({ coupon: z.string().optional(), promotion_code: z.string().optional() }))
    .default([]),
})

/** The price that is asked for, and the ids of the coupons and promotion codes. */
export function orderedIn(params: CallParams): { priceId: string | undefined; discountIds: string[] } {
  const { items, discounts } = SubscriptionParams.parse(params)
  return {
    priceId: items[0]?.price,
    discountIds: discounts.map(({ promotion_code, coupon }) => promotion_code ?? coupon ?? ''),
  }
}

const redeemed = ({ promotion_code_id, coupon_id }: SelectedDiscount) =>
  promotion_code_id === null ? { coupon: coupon_id } : { promotion_code: promotion_code_id }

/** Stripe's codes for "the customer has to be there": https://docs.stripe.com/error-codes */
export const wantsAuthentication = (code: string | undefined) =>
  code === 'subscription_payment_intent_requires_action' || code === 'authentication_required'

/** Stripe's parameters of a subscription that are fields of our requests. */
const subscriptionFields = {
  discounts: 'discount_code',
  coupon: 'discount_code',
  promotion_code: 'discount_code',
  items: 'price_id',
  trial_period_days: 'trial_period_days',
}

/**
 * What Stripe refuses about a subscription, in the terms of our own request.
 * @param hasPaymentMethod whether the request has named the payment method
 */
export function subscriptionRefusal(error: unknown, hasPaymentMethod = false): unknown {
  const failure = failureOf(error)
  if (!(error instanceof AppError) || failure === undefined || error.code !== 'invalid_request') return error
  const { code, param } = failure
  const isAboutCard = param?.startsWith('default_payment_method') ?? false
  if (isAboutCard && hasPaymentMethod)
    return inOurTerms(error, { default_payment_method: 'payment_method_id' })
  const refused = (as: 'payment_method_required' | 'conflict', message: string) =>
    new AppError(as, message, { details: error.details, cause: error })
  // "This customer has no attached payment source or default payment method": without a parameter's name.
  if (code === 'resource_missing' && (param === null || isAboutCard))
    return refused(
      'payment_method_required',
      'The customer has no payment method to pay with: attach one, give payment_method_id, or ask for a trial',
    )
  if (code === 'coupon_expired' || code === 'promotion_code_expired')
    return refused('conflict', 'The discount can no longer be redeemed; leave it out')
  return inOurTerms(error, subscriptionFields)
}
