import type Stripe from 'stripe'
import { endDiscounts } from '../catalogue/discount.ts'
import { invalidRequest, missing, noSuch } from '../objects/errors.ts'
import { idOf } from '../objects/ids.ts'
import { listPage, pageOf } from '../objects/lists.ts'
import { oneOf, pagination, range, type ShapeOf, text, whole, yesNo } from '../objects/parameters.ts'
import { addInterval } from '../objects/periods.ts'
import { route } from '../objects/routes.ts'
import { mustFind } from '../objects/turn.ts'
import { prorate } from './proration.ts'
import { billSubscription, draftForSubscription, periodLines } from './subscription-billing.ts'
import { createSubscriptionRoute } from './subscription-create.ts'
import { cancelSubscription } from './subscription-end.ts'
import { saveSubscription } from './subscription-status.ts'
import { cancellationDetails, updateSubscriptionRoute } from './subscription-update.ts'

const listShape = {
  ...pagination,
  collection_method: text.optional(),
  created: range.optional(),
  customer: text.optional(),
  price: text.optional(),
  status: oneOf(
    'active',
    'all',
    'canceled',
    'ended',
    'incomplete',
    'incomplete_expired',
    'past_due',
    'paused',
    'trialing',
    'unpaid',
  ).optional(),
  test_clock: text.optional(),
} satisfies ShapeOf<Stripe.SubscriptionListParams>

const cancelShape = {
  cancellation_details: cancellationDetails.optional(),
  invoice_now: yesNo.optional(),
  prorate: yesNo.optional(),
} satisfies ShapeOf<Stripe.SubscriptionCancelParams>

const resumeShape = {
  billing_cycle_anchor: oneOf('now', 'unchanged').optional(),
  proration_behavior: oneOf('always_invoice', 'create_prorations', 'none').optional(),
  proration_date: whole.optional(),
} satisfies ShapeOf<Stripe.SubscriptionResumeParams>

const ended = ['canceled', 'incomplete_expired']

export const subscriptionRoutes = [
  createSubscriptionRoute,
  route('GET /v1/subscriptions', listShape, (call) => {
    const { collection_method, customer, price, status } = call.params
    // Those of a test clock are listed where it is asked for, or their customer.
    const clock = call.params.test_clock ?? (customer === undefined ? null : undefined)
    return listPage(call, 'subscription', '/v1/subscriptions', call.params, {
      equal: { collection_method, customer, test_clock: clock },
      where: (subscription) =>
        (price === undefined || subscription.items.data.some((item) => item.price.id === price)) &&
        (status === 'all' ||
          (status === undefined && subscription.status !== 'canceled') ||
          (status === 'ended' ? ended.includes(subscription.status) : subscription.status === status)),
    })
  }),
  route('GET /v1/subscriptions/:id', {}, (call) => mustFind(call, 'subscription', call.id)),
  updateSubscriptionRoute,
  route('DELETE /v1/subscriptions/:id', cancelShape, (call) => {
    const subscription = mustFind(call, 'subscription', call.id)
    if (ended.includes(subscription.status)) throw noSuch('subscription', call.id)
    const { cancellation_details: details, invoice_now: invoiceNow, prorate: prorates } = call.params
    if (prorates) prorate(call, subscription, subscription, { at: call.now, creditsOnly: true })
    if (invoiceNow) {
      const draft = draftForSubscription(call, subscription, 'subscription_update', [])
      call.store.save({ ...subscription, latest_invoice: draft.id })
      billSubscription(call, draft, 'allow_incomplete')
    }
    return cancelSubscription(call, mustFind(call, 'subscription', call.id), details)
  }),
  route('POST /v1/subscriptions/:id/resume', resumeShape, (call) => {
    const subscription = mustFind(call, 'subscription', call.id)
    if (subscription.status !== 'paused')
      throw invalidRequest(`Only paused subscriptions can be resumed; this one is ${subscription.status}.`)
    const anchored = call.params.billing_cycle_anchor !== 'unchanged'
    const data = subscription.items.data.map((item) => {
      const interval = item.price.recurring ?? { interval: 'month', interval_count: 1 }
      return anchored
        ? { ...item, current_period_start: call.now, current_period_end: addInterval(call.now, interval) }
        : item
    })
    const resumed = saveSubscription(call, {
      ...subscription,
      status: 'active',
      billing_cycle_anchor: anchored ? call.now : subscription.billing_cycle_anchor,
      items: { ...subscription.items, data },
    })
    call.emit('customer.subscription.resumed', resumed, subscription)
    if (!anchored) return resumed
    const draft = draftForSubscription(call, resumed, 'subscription_update', periodLines(call, resumed))
    call.store.save({ ...resumed, latest_invoice: draft.id })
    billSubscription(call, draft, 'allow_incomplete')
    return mustFind(call, 'subscription', call.id)
  }),
  route('DELETE /v1/subscriptions/:id/discount', {}, (call) => {
    const subscription = mustFind(call, 'subscription', call.id)
    const ids = subscription.discounts.map((each) => idOf(each))
    const last = ids.at(-1)
    if (last === undefined) throw noSuch('discount', call.id)
    const discount = mustFind(call, 'discount', last)
    const after = call.store.save({ ...subscription, discounts: ids.slice(0, -1) })
    call.emit('customer.subscription.updated', after, subscription)
    endDiscounts(call, [last])
    const { end: _, ...rest } = discount
    return { ...rest, deleted: true } satisfies Stripe.DeletedDiscount
  }),
  route('GET /v1/subscription_items', { ...pagination, subscription: text.optional() }, (call) => {
    if (call.params.subscription === undefined) throw missing('subscription')
    const { items } = mustFind(call, 'subscription', call.params.subscription, 'subscription')
    return pageOf(items.data, '/v1/subscription_items', call.params)
  }),
  route('GET /v1/subscription_items/:id', {}, (call) => mustFind(call, 'subscription_item', call.id)),
]
