import type Stripe from 'stripe'
import { settleCurrency } from '../catalogue/customer-currency.ts'
import { redeem } from '../catalogue/discount.ts'
import { priceAmount } from '../catalogue/price.ts'
import { invalidRequest, missing } from '../objects/errors.ts'
import { idOf, newId } from '../objects/ids.ts'
import * as p from '../objects/parameters.ts'
import { addDays } from '../objects/periods.ts'
import { route } from '../objects/routes.ts'
import { mustFind, type Turn } from '../objects/turn.ts'
import { defaultMethodOf, ownMethod } from '../payments/payment-method.ts'
import { makeSetupIntent } from '../payments/setup-intent.ts'
import { bill } from './billing.ts'
import { blankSubscription } from './blank-subscription.ts'
import { endAsAsked } from './ending.ts'
import { recurrenceOf, startPeriods, wholePeriod } from './periods.ts'
import {
  addInvoiceItems,
  checkItems,
  createItems,
  makeItem,
  olderShape,
  subscriptionShape,
} from './subscription-input.ts'
import { tellTrialEnd } from './trial.ts'

const shape = {
  ...subscriptionShape,
  ...p.optional({
    billing_cycle_anchor: p.whole,
    billing_mode: p.hash({ type: p.oneOf('flexible') }),
    currency: p.text,
    customer: p.text,
    items: createItems,
    trial_from_plan: p.yesNo,
    trial_period_days: p.whole,
  } satisfies p.ShapeOf<Stripe.SubscriptionCreateParams>),
}

export const createSubscriptionRoute = route(
  'POST /v1/subscriptions',
  shape,
  (call) => {
    const { params } = call
    if (params.customer === undefined) throw missing('customer')
    const customer = mustFind(call, 'customer', params.customer, 'customer')
    const id = newId('sub')
    const trialEnd = trialEndOf(call.now, params)
    const items = (params.items ?? []).map((input, position) =>
      makeItem(call, input, id, `items[${position}]`),
    )
    if (params.items === undefined) throw missing('items')
    checkItems(items)
    const behavior = params.payment_behavior ?? 'allow_incomplete'
    const methodId =
      params.default_payment_method &&
      ownMethod(call, params.default_payment_method, customer.id, 'default_payment_method').id
    const method = methodId ?? defaultMethodOf(call, customer.id)?.id
    const byInvoice = params.collection_method === 'send_invoice'
    if (byInvoice && params.days_until_due === undefined) throw missing('days_until_due')
    if (!method && !byInvoice && trialEnd === null && behavior !== 'default_incomplete' && costs(items))
      throw invalidRequest(
        'This customer has no attached payment source or default payment method. Please consider adding a default payment method. For more information, visit https://stripe.com/docs/billing/subscriptions/payment-methods-setting#set-a-default-payment-method.',
        { code: 'resource_missing' },
      )
    const blank = blankSubscription(call, id, customer.id, items)
    const discounts = redeem(call, discountsOf(params), {
      customer: customer.id,
      currency: blank.currency,
      amount: amountOf(items),
      subscription: id,
    })
    const pendingSetup = !method && trialEnd !== null && behavior === 'default_incomplete'
    const asked = {
      ...blank,
      ...anchorOf(call.now, items, trialEnd, params.billing_cycle_anchor),
      collection_method: params.collection_method ?? 'charge_automatically',
      days_until_due: params.days_until_due ?? null,
      default_payment_method: methodId ?? null,
      description: params.description ?? null,
      discounts: discounts.map((discount) => discount.id),
      metadata: params.metadata ?? {},
      payment_settings: {
        payment_method_options: null,
        payment_method_types: params.payment_settings?.payment_method_types ?? null,
        save_default_payment_method: params.payment_settings?.save_default_payment_method ?? 'off',
      },
      pending_setup_intent: pendingSetup ? setUpLater(call, customer.id).id : null,
      status: trialEnd !== null ? 'trialing' : byInvoice ? 'active' : 'incomplete',
      test_clock: idOf(customer.test_clock),
      trial_settings: {
        end_behavior: {
          billing_cycle_anchor: null,
          missing_payment_method:
            params.trial_settings?.end_behavior.missing_payment_method ?? 'create_invoice',
        },
      },
    } satisfies Stripe.Subscription
    const subscription = endAsAsked(startPeriods(asked, call.now), params, {
      now: call.now,
      prorates: params.proration_behavior !== 'none',
    })
    settleCurrency(call, customer.id, blank.currency)
    addInvoiceItems(call, params.add_invoice_items ?? [], subscription)
    const created = bill(call, undefined, subscription, {
      reason: 'subscription_create',
      begun: subscription.items.data,
      collects: behavior,
      free: params.proration_behavior === 'none' && subscription.billing_cycle_anchor > call.now,
    })
    tellTrialEnd(call, created)
    return created
  },
  { older: olderShape },
)

function setUpLater(turn: Turn, customer: string): Stripe.SetupIntent {
  return makeSetupIntent(turn, {
    customer,
    automatic_payment_methods: { allow_redirects: 'always', enabled: true },
  })
}

function trialEndOf(
  now: number,
  params: { trial_end?: 'now' | number | undefined; trial_period_days?: number | undefined },
): number | null {
  const { trial_end: end, trial_period_days: days } = params
  if (end !== undefined && days !== undefined)
    throw invalidRequest('You cannot pass both trial_end and trial_period_days.', {
      code: 'parameters_exclusive',
    })
  if (days !== undefined && (days < 0 || days > 730))
    throw invalidRequest('trial_period_days must be between 0 and 730.', { param: 'trial_period_days' })
  if (days !== undefined) return days === 0 ? null : addDays(now, days)
  if (end === undefined || end === 'now') return null
  if (end <= now)
    throw invalidRequest('Invalid timestamp: must be an integer Unix timestamp in the future.', {
      param: 'trial_end',
    })
  return end
}

function anchorOf(
  now: number,
  items: Stripe.SubscriptionItem[],
  trialEnd: number | null,
  asked: number | undefined,
) {
  const refuse = (why: string) => invalidRequest(why, { param: 'billing_cycle_anchor' })
  if (asked !== undefined && asked <= now)
    throw refuse('billing_cycle_anchor cannot be earlier than now for a new subscription.')
  const natural = items.map((item) => wholePeriod(trialEnd ?? now, recurrenceOf(item), trialEnd ?? now).end)
  if (asked !== undefined && asked > Math.min(...natural))
    throw refuse('billing_cycle_anchor cannot be later than next natural billing date for plan.')
  return {
    billing_cycle_anchor: asked ?? trialEnd ?? now,
    trial_start: trialEnd === null ? null : now,
    trial_end: trialEnd,
  }
}

function discountsOf(params: {
  discounts?: { coupon?: string | undefined }[] | undefined
  coupon?: string | undefined
  promotion_code?: string | undefined
}) {
  const { coupon, promotion_code } = params
  return params.discounts ?? (coupon || promotion_code ? [coupon ? { coupon } : { promotion_code }] : [])
}

function costs(items: Stripe.SubscriptionItem[]): boolean {
  return items.some((item) => priceAmount(item.price, item.quantity ?? 1) > 0)
}

/** Of one period, before discounts. */
export function amountOf(items: Stripe.SubscriptionItem[]): number {
  return items.reduce((sum, item) => sum + priceAmount(item.price, item.quantity ?? 1), 0)
}
