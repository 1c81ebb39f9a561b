import type Stripe from 'stripe'
import { redeem } from '../catalogue/discount.ts'
import { priceAmount, roundHalfUp } from '../catalogue/price.ts'
import { makeInvoiceItem } from '../invoices/invoice-item.ts'
import { invalidRequest, missing } from '../objects/errors.ts'
import { idOf, newId } from '../objects/ids.ts'
import { hash, oneOf, type ShapeOf, text, whole, yesNo } from '../objects/parameters.ts'
import { addDays, addInterval } from '../objects/periods.ts'
import { type Call, route } from '../objects/routes.ts'
import { setTimer } from '../objects/timer.ts'
import { mustFind, type Turn } from '../objects/turn.ts'
import { defaultMethodOf, ownMethod } from '../payments/payment-method.ts'
import { makeSetupIntent } from '../payments/setup-intents.ts'
import { billSubscription, draftForSubscription, periodLines } from './subscription-billing.ts'
import { expiryOf } from './subscription-end.ts'
import {
  addInvoiceItems,
  checkItems,
  createItems,
  makeItem,
  olderShape,
  subscriptionShape,
} from './subscription-input.ts'
import { saveSubscription } from './subscription-status.ts'

const shape = {
  ...subscriptionShape,
  billing_cycle_anchor: whole.optional(),
  billing_mode: hash({ type: oneOf('flexible') }).optional(),
  currency: text.optional(),
  customer: text.optional(),
  items: createItems.optional(),
  trial_from_plan: yesNo.optional(),
  trial_period_days: whole.optional(),
} satisfies ShapeOf<Stripe.SubscriptionCreateParams>

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
    const placed = placePeriods(blank, { now: call.now, trialEnd, anchor: params.billing_cycle_anchor })
    const pendingSetup = !method && trialEnd !== null && behavior === 'default_incomplete'
    const subscription = saveSubscription(call, {
      ...placed,
      cancel_at: params.cancel_at ?? (params.cancel_at_period_end ? periodEnd(placed) : null),
      cancel_at_period_end: params.cancel_at_period_end ?? false,
      canceled_at: params.cancel_at_period_end || params.cancel_at ? call.now : null,
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
      pending_setup_intent: pendingSetup ? makeSetupIntent(call, { customer: customer.id }).id : null,
      status: trialEnd !== null ? 'trialing' : byInvoice ? 'active' : 'incomplete',
      test_clock: idOf(customer.test_clock),
      trial_settings: {
        end_behavior: {
          billing_cycle_anchor: null,
          missing_payment_method:
            params.trial_settings?.end_behavior.missing_payment_method ?? 'create_invoice',
        },
      },
    })
    if (customer.currency === null)
      call.store.save({ ...mustFind(call, 'customer', customer.id), currency: blank.currency })
    addInvoiceItems(call, params.add_invoice_items ?? [], subscription, (item) => {
      makeInvoiceItem(call, {
        ...item,
        customer: customer.id,
        amount: priceAmount(item.price, item.quantity),
        currency: item.price.currency,
        subscription: id,
      })
    })
    return firstInvoice(call, subscription, behavior)
  },
  { older: olderShape },
)

function firstInvoice(
  call: Call<{ proration_behavior?: string | undefined }>,
  subscription: Stripe.Subscription,
  behavior: 'allow_incomplete' | 'default_incomplete' | 'error_if_incomplete',
): Stripe.Subscription {
  const trial = subscription.status === 'trialing'
  const anchored = !trial && subscription.billing_cycle_anchor > call.now
  const lines = periodLines(call, subscription, {
    trial,
    ...(anchored && { amountOf: (item) => anchoredAmount(item, call.params.proration_behavior === 'none') }),
  })
  // The invoice is made before anyone hears of the subscription, so that its first event names it.
  const draft = draftForSubscription(call, subscription, 'subscription_create', lines)
  const created = call.store.save({ ...subscription, latest_invoice: draft.id })
  call.emit('customer.subscription.created', created)
  billSubscription(call, draft, behavior)
  const after = mustFind(call, 'subscription', subscription.id)
  if (after.status === 'incomplete') setTimer(call, 'expire_incomplete', after.id, expiryOf(after))
  return after
}

/** The part of the price from now to the anchor. */
function anchoredAmount(item: Stripe.SubscriptionItem, free: boolean): number {
  if (free || item.price.recurring === null) return 0
  const { current_period_start: start, current_period_end: end } = item
  const whole = addInterval(start, item.price.recurring) - start
  return roundHalfUp((priceAmount(item.price, item.quantity ?? 1) * (end - start)) / whole)
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

/** Sets the first period: the trial, or up to the anchor, or one interval. */
function placePeriods(
  subscription: Stripe.Subscription,
  { now, trialEnd, anchor }: { now: number; trialEnd: number | null; anchor: number | undefined },
): Stripe.Subscription {
  if (anchor !== undefined && anchor <= now)
    throw invalidRequest('billing_cycle_anchor cannot be earlier than now for a new subscription.', {
      param: 'billing_cycle_anchor',
    })
  const data = subscription.items.data.map((item) => {
    const interval = item.price.recurring ?? { interval: 'month', interval_count: 1 }
    const end = trialEnd ?? anchor ?? addInterval(now, interval)
    return { ...item, current_period_start: now, current_period_end: end }
  })
  return {
    ...subscription,
    billing_cycle_anchor: trialEnd ?? anchor ?? now,
    trial_start: trialEnd === null ? null : now,
    trial_end: trialEnd,
    items: { ...subscription.items, data },
  }
}

export function periodEnd(subscription: Stripe.Subscription): number {
  return Math.max(...subscription.items.data.map((item) => item.current_period_end))
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

function blankSubscription(
  turn: Turn,
  id: string,
  customerId: string,
  items: Stripe.SubscriptionItem[],
): Stripe.Subscription {
  return {
    id,
    object: 'subscription',
    application: null,
    application_fee_percent: null,
    automatic_tax: { disabled_reason: null, enabled: false, liability: null },
    billing_cycle_anchor: turn.now,
    billing_cycle_anchor_config: null,
    billing_mode: { flexible: { proration_discounts: 'included' }, type: 'flexible' },
    billing_schedules: [],
    billing_thresholds: null,
    cancel_at: null,
    cancel_at_period_end: false,
    canceled_at: null,
    cancellation_details: { comment: null, feedback: null, feedback_option: null, reason: null },
    collection_method: 'charge_automatically',
    created: turn.now,
    currency: items[0]?.price.currency ?? 'usd',
    customer: customerId,
    customer_account: null,
    days_until_due: null,
    default_payment_method: null,
    default_source: null,
    default_tax_rates: [],
    description: null,
    discounts: [],
    ended_at: null,
    invoice_settings: {
      account_tax_ids: null,
      custom_fields: null,
      description: null,
      footer: null,
      issuer: { type: 'self' },
    },
    items: { object: 'list', data: items, has_more: false, url: `/v1/subscription_items?subscription=${id}` },
    latest_invoice: null,
    livemode: false,
    managed_payments: null,
    metadata: {},
    next_pending_invoice_item_invoice: null,
    on_behalf_of: null,
    pause_collection: null,
    payment_settings: null,
    pending_invoice_item_interval: null,
    pending_setup_intent: null,
    pending_update: null,
    schedule: null,
    start_date: turn.now,
    status: 'incomplete',
    test_clock: null,
    transfer_data: null,
    trial_end: null,
    trial_settings: null,
    trial_start: null,
  }
}
