import type Stripe from 'stripe'
import { endDiscounts, redeem } from '../catalogue/discount.ts'
import { priceAmount } from '../catalogue/price.ts'
import { makeInvoiceItem } from '../invoices/invoice-item.ts'
import { invalidRequest } from '../objects/errors.ts'
import { idOf } from '../objects/ids.ts'
import {
  emptyable,
  hash,
  mergeMetadata,
  oneOf,
  type ShapeOf,
  text,
  whole,
  yesNo,
} from '../objects/parameters.ts'
import { addInterval } from '../objects/periods.ts'
import { type Call, route } from '../objects/routes.ts'
import { change, mustFind } from '../objects/turn.ts'
import { ownMethod } from '../payments/payment-method.ts'
import { putAside } from './paused-collection.ts'
import { prorate } from './proration.ts'
import { billSubscription, draftForSubscription, periodLines } from './subscription-billing.ts'
import { amountOf, periodEnd } from './subscription-create.ts'
import {
  addInvoiceItems,
  changeItem,
  checkItems,
  type ItemInput,
  makeItem,
  olderShape,
  subscriptionShape,
  updateItems,
} from './subscription-input.ts'
import { saveSubscription } from './subscription-status.ts'
import { endTrialWithoutMethod } from './subscription-trial.ts'

export const cancellationDetails = hash({
  comment: emptyable(text).optional(),
  feedback: emptyable(
    oneOf(
      'customer_service',
      'low_quality',
      'missing_features',
      'other',
      'switched_service',
      'too_complex',
      'too_expensive',
      'unused',
    ),
  ).optional(),
})
const updateShape = {
  ...subscriptionShape,
  billing_cycle_anchor: oneOf('now', 'unchanged').optional(),
  cancellation_details: cancellationDetails.optional(),
  items: updateItems.optional(),
  pause_collection: emptyable(
    hash({ behavior: oneOf('keep_as_draft', 'mark_uncollectible', 'void'), resumes_at: whole.optional() }),
  ).optional(),
  proration_date: whole.optional(),
  trial_from_plan: yesNo.optional(),
} satisfies ShapeOf<Stripe.SubscriptionUpdateParams>

export const updateSubscriptionRoute = route(
  'POST /v1/subscriptions/:id',
  updateShape,
  (call) => {
    const before = mustFind(call, 'subscription', call.id)
    return updateSubscription(call, before)
  },
  { older: olderShape },
)

type Params = Parameters<Parameters<typeof route<typeof updateShape, typeof olderShape>>[2]>[0]['params']

/** Applies an update, makes the proration items, and bills at once where the update asks for it or resets the cycle. */
export function updateSubscription(call: Call<Params>, before: Stripe.Subscription): Stripe.Subscription {
  const { params } = call
  checkState(before, params)
  const items = nextItems(call, before, params.items ?? [])
  checkItems(items)
  const at = Math.min(Math.max(params.proration_date ?? call.now, before.start_date), periodEnd(before))
  const endsTrial = params.trial_end === 'now' && before.status === 'trialing'
  const resets = params.billing_cycle_anchor === 'now' || changesRhythm(before, items) || endsTrial
  const trialing = before.status === 'trialing' && !endsTrial
  const fields = plainFields(call, before, items)
  const discounts = nextDiscounts(call, before)
  const draft: Stripe.Subscription = {
    ...before,
    ...fields,
    discounts,
    items: { ...before.items, data: items },
  }
  const prorates =
    params.proration_behavior !== 'none' && !trialing && !endsTrial && before.status !== 'incomplete'
  const prorated = prorates ? prorate(call, before, draft, { at, creditsOnly: resets }) : 0
  const moved = movePeriods(draft, {
    now: call.now,
    resets: resets && !trialing,
    trialEnd: params.trial_end,
    endsTrial,
  })
  for (const gone of before.items.data.filter((item) => !items.some(({ id }) => id === item.id)))
    call.store.remove(gone, { id: gone.id, object: 'subscription_item', deleted: true })
  saveSubscription(call, moved)
  addInvoiceItems(call, params.add_invoice_items ?? [], moved, (item) => {
    makeInvoiceItem(call, {
      ...item,
      customer: idOf(moved.customer),
      amount: priceAmount(item.price, item.quantity),
      currency: item.price.currency,
      subscription: moved.id,
    })
  })
  change(call, 'customer.subscription.updated', before, moved)
  if (endsTrial && endTrialWithoutMethod(call, moved)) return mustFind(call, 'subscription', moved.id)
  const billsNow = resets && !trialing
  const asked = params.proration_behavior === 'always_invoice' && prorated > 0
  if (!billsNow && !asked && (params.add_invoice_items ?? []).length === 0)
    return mustFind(call, 'subscription', moved.id)
  const lines = billsNow ? periodLines(call, moved) : []
  return billNow(call, moved, lines)
}

function billNow(
  call: Call<Params>,
  subscription: Stripe.Subscription,
  lines: ReturnType<typeof periodLines>,
): Stripe.Subscription {
  const draft = draftForSubscription(call, subscription, 'subscription_update', lines)
  const current = mustFind(call, 'subscription', subscription.id)
  change(call, 'customer.subscription.updated', current, { ...current, latest_invoice: draft.id })
  if (current.pause_collection) putAside(call, draft, current.pause_collection.behavior)
  else billSubscription(call, draft, call.params.payment_behavior ?? 'allow_incomplete')
  return mustFind(call, 'subscription', subscription.id)
}

function checkState(before: Stripe.Subscription, params: Params): void {
  const ended = before.status === 'canceled' || before.status === 'incomplete_expired'
  const allowed = new Set(['metadata', 'cancellation_details'])
  if (ended && Object.entries(params).some(([key, value]) => value !== undefined && !allowed.has(key)))
    throw invalidRequest('A canceled subscription can only update its cancellation_details and metadata.', {
      code: 'invalid_canceled_subscription_fields',
    })
  if (typeof params.trial_end === 'number' && params.trial_end <= before.created)
    throw invalidRequest('Invalid timestamp: must be an integer Unix timestamp in the future.', {
      param: 'trial_end',
    })
}

/** Items named by id change or go; items without an id are added. */
function nextItems(
  call: Call<Params>,
  before: Stripe.Subscription,
  inputs: ItemInput[],
): Stripe.SubscriptionItem[] {
  let items = before.items.data
  for (const [position, input] of inputs.entries()) {
    const param = `items[${position}]`
    if (input.id === undefined) {
      const [
        { current_period_start: start, current_period_end: end } = {
          current_period_start: call.now,
          current_period_end: call.now,
        },
      ] = items
      const added = makeItem(call, input, before.id, param)
      items = [...items, { ...added, current_period_start: start, current_period_end: end }]
      continue
    }
    const known = items.find((item) => item.id === input.id)
    if (!known)
      throw invalidRequest(`Subscription item not found: ${input.id}`, {
        code: 'resource_missing',
        param: `${param}[id]`,
      })
    items = input.deleted
      ? items.filter((item) => item !== known)
      : items.map((item) => (item === known ? changeItem(call, item, input, param) : item))
  }
  return items
}

function nextDiscounts(call: Call<Params>, before: Stripe.Subscription): string[] {
  const { coupon, promotion_code } = call.params
  const inputs =
    call.params.discounts ??
    (coupon || promotion_code ? [coupon ? { coupon } : { promotion_code }] : undefined)
  const current = before.discounts.map((each) => idOf(each))
  if (inputs === undefined) return current
  const target = {
    customer: idOf(before.customer),
    currency: before.currency,
    amount: amountOf(before.items.data),
    subscription: before.id,
  }
  const next = redeem(call, inputs, target).map((discount) => discount.id)
  endDiscounts(
    call,
    current.filter((id) => !next.includes(id)),
  )
  return next
}

function plainFields(call: Call<Params>, before: Stripe.Subscription, items: Stripe.SubscriptionItem[]) {
  const { params } = call
  const end = Math.max(...items.map((item) => item.current_period_end))
  const atEnd = params.cancel_at_period_end
  const cancelAt =
    params.cancel_at !== undefined
      ? params.cancel_at
      : atEnd === undefined
        ? before.cancel_at
        : atEnd
          ? end
          : null
  const pause = params.pause_collection
  return {
    cancel_at: cancelAt,
    cancel_at_period_end: atEnd ?? (params.cancel_at === undefined && before.cancel_at_period_end),
    canceled_at: cancelAt === null ? null : (before.canceled_at ?? call.now),
    cancellation_details: {
      comment: params.cancellation_details?.comment ?? before.cancellation_details?.comment ?? null,
      feedback: params.cancellation_details?.feedback ?? before.cancellation_details?.feedback ?? null,
      feedback_option: null,
      reason: cancelAt === null ? null : ('cancellation_requested' as const),
    },
    collection_method: params.collection_method ?? before.collection_method,
    days_until_due: params.days_until_due ?? before.days_until_due,
    default_payment_method:
      params.default_payment_method === undefined
        ? before.default_payment_method
        : ownMethod(call, params.default_payment_method, idOf(before.customer), 'default_payment_method').id,
    description: params.description === undefined ? before.description : params.description,
    metadata: mergeMetadata(before.metadata, params.metadata),
    pause_collection:
      pause === undefined
        ? before.pause_collection
        : pause && { behavior: pause.behavior, resumes_at: pause.resumes_at ?? null },
    payment_settings: {
      payment_method_options: null,
      payment_method_types:
        params.payment_settings?.payment_method_types ??
        before.payment_settings?.payment_method_types ??
        null,
      save_default_payment_method:
        params.payment_settings?.save_default_payment_method ??
        before.payment_settings?.save_default_payment_method ??
        null,
    },
    trial_settings: params.trial_settings
      ? { end_behavior: { billing_cycle_anchor: null, ...params.trial_settings.end_behavior } }
      : before.trial_settings,
  }
}

/** Another interval starts a new cycle now. */
function changesRhythm(before: Stripe.Subscription, items: Stripe.SubscriptionItem[]): boolean {
  const rhythm = (item: Stripe.SubscriptionItem | undefined) =>
    `${item?.price.recurring?.interval_count} ${item?.price.recurring?.interval}`
  return rhythm(before.items.data[0]) !== rhythm(items[0])
}

function movePeriods(
  subscription: Stripe.Subscription,
  how: { now: number; resets: boolean; trialEnd: 'now' | number | undefined; endsTrial: boolean },
): Stripe.Subscription {
  const { now, trialEnd } = how
  const extended = typeof trialEnd === 'number' && trialEnd > now
  if (!how.resets && !extended) return subscription
  const data = subscription.items.data.map((item) => {
    const interval = item.price.recurring ?? { interval: 'month', interval_count: 1 }
    if (extended) return { ...item, current_period_end: trialEnd }
    return { ...item, current_period_start: now, current_period_end: addInterval(now, interval) }
  })
  const moved = {
    ...subscription,
    items: { ...subscription.items, data },
    billing_cycle_anchor: extended ? trialEnd : now,
  }
  if (extended)
    return { ...moved, trial_start: subscription.trial_start ?? now, trial_end: trialEnd, status: 'trialing' }
  return how.endsTrial ? { ...moved, trial_end: now, status: 'active' } : moved
}
