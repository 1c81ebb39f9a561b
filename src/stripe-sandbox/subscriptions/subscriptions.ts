import type Stripe from 'stripe'
import { endDiscounts } from '../catalogue/discount.ts'
import { missing, noSuch } from '../objects/errors.ts'
import { idOf } from '../objects/ids.ts'
import { pageOf } from '../objects/lists.ts'
import * as p from '../objects/parameters.ts'
import { resource } from '../objects/resource.ts'
import { route } from '../objects/routes.ts'
import { mustFind } from '../objects/turn.ts'
import { cancelSubscription } from './cancel.ts'
import { prorate } from './proration.ts'
import { resumeShape, resumeSubscription } from './resume.ts'
import { createSubscriptionRoute } from './subscription-create.ts'
import { changeSubscription } from './subscription-status.ts'
import { cancellationDetails, updateSubscriptionRoute } from './subscription-update.ts'

const listShape = {
  collection_method: p.text,
  created: p.range,
  customer: p.text,
  price: p.text,
  status: p.oneOf(
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
  ),
  test_clock: p.text,
} satisfies p.ShapeOf<Stripe.SubscriptionListParams>

const cancelShape = p.optional({
  cancellation_details: cancellationDetails,
  invoice_now: p.yesNo,
  prorate: p.yesNo,
} satisfies p.ShapeOf<Stripe.SubscriptionCancelParams>)

const subscriptions = resource('subscription', '/v1/subscriptions')
const ended = ['canceled', 'incomplete_expired']

export const subscriptionRoutes = [
  createSubscriptionRoute,
  subscriptions.list(listShape, ({ collection_method, customer, price, status, test_clock }) => {
    // Those of a test clock are listed where it is asked for, or their customer.
    const clock = test_clock ?? (customer === undefined ? null : undefined)
    return {
      equal: { collection_method, customer, test_clock: clock },
      where: (subscription) =>
        (price === undefined || subscription.items.data.some((item) => item.price.id === price)) &&
        (status === 'all' ||
          (status === undefined && subscription.status !== 'canceled') ||
          (status === 'ended' ? ended.includes(subscription.status) : subscription.status === status)),
    }
  }),
  subscriptions.retrieve(),
  updateSubscriptionRoute,
  route('DELETE /v1/subscriptions/:id', cancelShape, (call) => {
    const subscription = mustFind(call, 'subscription', call.id)
    if (ended.includes(subscription.status)) throw noSuch('subscription', call.id)
    const { cancellation_details: details, invoice_now: invoiceNow, prorate: prorates } = call.params
    if (prorates) prorate(call, subscription, subscription, { at: call.now, creditsAll: true })
    return cancelSubscription(call, subscription, { ...details, lastInvoice: invoiceNow ? 'now' : undefined })
  }),
  subscriptions.act('resume', resumeShape, resumeSubscription),
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
  route('GET /v1/subscription_items', p.optional({ ...p.pagination, subscription: p.text }), (call) => {
    if (call.params.subscription === undefined) throw missing('subscription')
    const { items } = mustFind(call, 'subscription', call.params.subscription, 'subscription')
    return pageOf(items.data, '/v1/subscription_items', call.params)
  }),
  resource('subscription_item', '/v1/subscription_items').retrieve(),
]
