import type Stripe from 'stripe'
import { endDiscounts } from '../catalogue/discount.ts'
import { missing, noSuch } from '../objects/errors.ts'
import { idOf } from '../objects/ids.ts'
import { listPage, pageOf } from '../objects/lists.ts'
import { oneOf, pagination, range, type ShapeOf, text, yesNo } from '../objects/parameters.ts'
import { route } from '../objects/routes.ts'
import { mustFind } from '../objects/turn.ts'
import { cancelSubscription } from './cancel.ts'
import { prorate } from './proration.ts'
import { resumeShape, resumeSubscription } from './resume.ts'
import { createSubscriptionRoute } from './subscription-create.ts'
import { changeSubscription } from './subscription-status.ts'
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
    if (prorates) prorate(call, subscription, subscription, { at: call.now, creditsAll: true })
    return cancelSubscription(call, subscription, { ...details, lastInvoice: invoiceNow ? 'now' : undefined })
  }),
  route('POST /v1/subscriptions/:id/resume', resumeShape, (call) =>
    resumeSubscription(call, mustFind(call, 'subscription', call.id)),
  ),
  route('DELETE /v1/subscriptions/:id/discount', {}, (call) => {
    const subscription = mustFind(call, 'subscription', call.id)
    const ids = subscription.discounts.map((each) => idOf(each))
    const last = ids.at(-1)
    if (last === undefined) throw noSuch('discount', call.id)
    const discount = mustFind(call, 'discount', last)
    changeSubscription(call, subscription, { ...subscription, discounts: ids.slice(0, -1) })
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
