import type Stripe from 'stripe'
import { endDiscounts, redeem } from '../catalogue/discount.ts'
import { invalidRequest } from '../objects/errors.ts'
import { idOf } from '../objects/ids.ts'
import * as p from '../objects/parameters.ts'
import { type Call, route } from '../objects/routes.ts'
import { mustFind } from '../objects/turn.ts'
import { ownMethod } from '../payments/payment-method.ts'
import { bill } from './billing.ts'
import { endAsAsked } from './ending.ts'
import { nextBoundary, recurrenceOf, startItem, startPeriods } from './periods.ts'
import { prorate } from './proration.ts'
import { amountOf } from './subscription-create.ts'
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
import { changeSubscription } from './subscription-status.ts'
import { endTrialWithoutMethod, lacksMethod, tellTrialEnd } from './trial.ts'

export const cancellationDetails = p.hash(
  p.optional({
    comment: p.emptyable(p.text),
    feedback: p.emptyable(
      p.oneOf(
        'customer_service',
        'low_quality',
        'missing_features',
        'other',
        'switched_service',
        'too_complex',
        'too_expensive',
        'unused',
      ),
    ),
  }),
)

const updateShape = {
  ...subscriptionShape,
  ...p.optional({
    billing_cycle_anchor: p.hash({ type: p.oneOf('now', 'unchanged') }),
    cancellation_details: cancellationDetails,
    items: updateItems,
    pause_collection: p.emptyable(
      p.hash({
        behavior: p.oneOf('keep_as_draft', 'mark_uncollectible', 'void'),
        resumes_at: p.whole.optional(),
      }),
    ),
    proration_date: p.whole,
    trial_from_plan: p.yesNo,
  } satisfies p.ShapeOf<Stripe.SubscriptionUpdateParams>),
}

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

/** Applies an update, prorates what changes within a period, and bills at once where the update asks for it or periods begin. */
export function updateSubscription(call: Call<Params>, before: Stripe.Subscription): Stripe.Subscription {
  const { params } = call
  checkState(call, before)
  const items = nextItems(call, before, params.items ?? [])
  checkItems(items)
  const changed: Stripe.Subscription = {
    ...before,
    ...plainFields(call, before),
    discounts: nextDiscounts(call, before),
    items: { ...before.items, data: items },
  }
  const { placed, restarts } = place(call, before, changed)
  const prorates =
    params.proration_behavior !== 'none' && !['trialing', 'incomplete', 'paused'].includes(before.status)
  const after = endAsAsked(placed, params, { now: call.now, prorates })
  const at = params.proration_date ?? Math.min(call.now, nextBoundary(before))
  const prorated = prorates ? prorate(call, before, after, { at, creditsAll: restarts }) : 0
  for (const gone of before.items.data.filter((item) => !items.some(({ id }) => id === item.id)))
    call.store.remove(gone, { id: gone.id, object: 'subscription_item', deleted: true })
  const added = params.add_invoice_items ?? []
  addInvoiceItems(call, added, after)
  if (params.trial_end === 'now' && before.status === 'trialing') {
    call.emit('customer.subscription.trial_will_end', before)
    if (lacksMethod(call, after)) return endTrialWithoutMethod(call, changeSubscription(call, before, after))
  }
  const bills =
    restarts || added.length > 0 || (params.proration_behavior === 'always_invoice' && prorated > 0)
  const saved = bills
    ? bill(call, before, after, {
        reason: 'subscription_update',
        begun: restarts ? after.items.data : [],
        collects: params.payment_behavior ?? 'allow_incomplete',
      })
    : changeSubscription(call, before, after)
  if (typeof params.trial_end === 'number') tellTrialEnd(call, saved)
  return saved
}

/** The subscription with its periods as the update moves them: all begin now, or the trial that runs is made longer. */
function place(
  { now, params }: Call<Params>,
  before: Stripe.Subscription,
  changed: Stripe.Subscription,
): { placed: Stripe.Subscription; restarts: boolean } {
  const { trial_end: asked } = params
  const isTrial = before.status === 'trialing'
  if (typeof asked === 'number') {
    const trial = { ...changed, status: 'trialing' as const, billing_cycle_anchor: asked, trial_end: asked }
    if (!isTrial) return { placed: startPeriods({ ...trial, trial_start: now }, now), restarts: true }
    const data = trial.items.data.map((item) => ({ ...item, current_period_end: asked }))
    return { placed: { ...trial, items: { ...trial.items, data } }, restarts: false }
  }
  const anchored = { ...changed, billing_cycle_anchor: now }
  if (isTrial && asked === 'now')
    return { placed: startPeriods({ ...anchored, status: 'active', trial_end: now }, now), restarts: true }
  const resets =
    params.billing_cycle_anchor?.type === 'now' || changesRhythm(before.items.data, changed.items.data)
  if (isTrial || !resets) return { placed: changed, restarts: false }
  return { placed: startPeriods(anchored, now), restarts: true }
}

function checkState({ now, params }: Call<Params>, before: Stripe.Subscription): void {
  const ended = before.status === 'canceled' || before.status === 'incomplete_expired'
  const allowed = new Set(['metadata', 'cancellation_details'])
  if (ended && Object.entries(params).some(([key, value]) => value !== undefined && !allowed.has(key)))
    throw invalidRequest('A canceled subscription can only update its cancellation_details and metadata.', {
      code: 'invalid_canceled_subscription_fields',
    })
  if (typeof params.trial_end === 'number' && params.trial_end <= now)
    throw invalidRequest('Invalid timestamp: must be an integer Unix timestamp in the future.', {
      param: 'trial_end',
    })
  const { proration_date: date } = params
  const isWithin = ({ current_period_start, current_period_end }: Stripe.SubscriptionItem) =>
    date === undefined || (current_period_start <= date && date <= current_period_end)
  if (!before.items.data.every(isWithin))
    throw invalidRequest('Cannot specify proration date outside of current subscription period.', {
      param: 'proration_date',
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
      const added = makeItem(call, input, before.id, param)
      const { current_period_start: start, current_period_end: end } =
        before.items.data.find((item) => isRhythm(item, added)) ?? startItem(before, added, call.now)
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

function plainFields(call: Call<Params>, before: Stripe.Subscription) {
  const { params } = call
  const pause = params.pause_collection
  return {
    cancellation_details: {
      comment: params.cancellation_details?.comment ?? before.cancellation_details?.comment ?? null,
      feedback: params.cancellation_details?.feedback ?? before.cancellation_details?.feedback ?? null,
      feedback_option: null,
      reason: before.cancellation_details?.reason ?? null,
    },
    collection_method: params.collection_method ?? before.collection_method,
    days_until_due: params.days_until_due ?? before.days_until_due,
    default_payment_method:
      params.default_payment_method === undefined
        ? before.default_payment_method
        : ownMethod(call, params.default_payment_method, idOf(before.customer), 'default_payment_method').id,
    description: params.description === undefined ? before.description : params.description,
    metadata: p.mergeMetadata(before.metadata, params.metadata),
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

/** An item's other interval starts a new cycle now; so do items of which none recurs as any did. */
function changesRhythm(before: Stripe.SubscriptionItem[], after: Stripe.SubscriptionItem[]): boolean {
  const changed = after.some((item) => before.some((was) => was.id === item.id && !isRhythm(was, item)))
  return changed || !after.some((item) => before.some((was) => isRhythm(was, item)))
}

function isRhythm(one: Stripe.SubscriptionItem, other: Stripe.SubscriptionItem): boolean {
  const [a, b] = [recurrenceOf(one), recurrenceOf(other)]
  return a.interval === b.interval && a.interval_count === b.interval_count
}
