import type Stripe from 'stripe'
import { discountList, redeem } from '../catalogue/discount.ts'
import { priceAmount } from '../catalogue/price.ts'
import { makeInvoiceItem } from '../invoices/invoice-item.ts'
import { invalidRequest, missing, StripeFailure } from '../objects/errors.ts'
import { idOf } from '../objects/ids.ts'
import * as p from '../objects/parameters.ts'
import { type Call, route } from '../objects/routes.ts'
import { mustFind } from '../objects/turn.ts'
import { previewNextInvoice } from './advance.ts'
import { cancelSubscription } from './cancel.ts'
import { asPreview, undone } from './preview.ts'
import { prorate } from './proration.ts'
import { amountOf, createSubscriptionRoute } from './subscription-create.ts'
import { cancelAt, updateItems } from './subscription-input.ts'
import { saveSubscription } from './subscription-status.ts'
import { updateSubscription } from './subscription-update.ts'

const shape = p.optional({
  currency: p.currency,
  customer: p.text,
  discounts: discountList,
  invoice_items: p.listOf(
    p.hash({
      amount: p.whole.optional(),
      currency: p.currency.optional(),
      description: p.text.optional(),
      discountable: p.yesNo.optional(),
      metadata: p.metadata.optional(),
      price: p.text.optional(),
      quantity: p.whole.optional(),
    }),
  ),
  preview_mode: p.oneOf('next'),
  subscription: p.text,
  subscription_details: p.hash({
    billing_cycle_anchor: p.hash({ type: p.oneOf('now', 'unchanged') }).optional(),
    cancel_at: p.emptyable(cancelAt).optional(),
    cancel_now: p.yesNo.optional(),
    cancel_at_period_end: p.yesNo.optional(),
    items: updateItems.optional(),
    proration_behavior: p.oneOf('always_invoice', 'create_prorations', 'none').optional(),
    proration_date: p.whole.optional(),
    trial_end: p.nowOrTime.optional(),
  }),
} satisfies p.ShapeOf<Stripe.InvoiceCreatePreviewParams>)

/** What would be billed: the same rules as the real thing run, and all that they wrote is undone. */
export const previewRoute = route('POST /v1/invoices/create_preview', shape, (call) =>
  undone(call, () => {
    const { params } = call
    const subscription =
      params.subscription === undefined
        ? undefined
        : mustFind(call, 'subscription', params.subscription, 'subscription')
    const customerId = params.customer ?? idOf(subscription?.customer)
    if (!customerId) throw missing('customer')
    if (subscription && idOf(subscription.customer) !== customerId)
      throw invalidRequest('The subscription does not belong to the customer.', { param: 'subscription' })
    for (const [position, item] of (params.invoice_items ?? []).entries()) {
      const price =
        item.price === undefined
          ? undefined
          : mustFind(call, 'price', item.price, `invoice_items[${position}][price]`)
      const amount = price ? priceAmount(price, item.quantity ?? 1) : item.amount
      if (amount === undefined) throw missing(`invoice_items[${position}][amount]`)
      makeInvoiceItem(call, {
        customer: customerId,
        amount,
        currency: price?.currency ?? item.currency ?? subscription?.currency ?? 'usd',
        description: item.description,
        discountable: item.discountable,
        metadata: item.metadata ?? {},
        price,
        quantity: item.quantity,
      })
    }
    return subscription ? nextInvoice(call, discounted(call, subscription)) : firstInvoice(call, customerId)
  }),
)

type Params = Parameters<Parameters<typeof route<typeof shape>>[2]>[0]['params']

/** The invoice that a change makes at once, or else the next one that the time brings. */
function nextInvoice(call: Call<Params>, before: Stripe.Subscription): Stripe.Invoice {
  const { cancel_now: cancelNow, ...details } = call.params.subscription_details ?? {}
  const after = cancelNow
    ? previewCancel(call, before)
    : updateSubscription({ ...call, params: { ...details, payment_behavior: 'default_incomplete' } }, before)
  const latest = idOf(after.latest_invoice)
  if (latest !== null && latest !== idOf(before.latest_invoice))
    return asPreview(call, mustFind(call, 'invoice', latest))
  const next = previewNextInvoice(call, after)
  if (next) return next
  throw new StripeFailure(404, {
    type: 'invalid_request_error',
    code: 'invoice_upcoming_none',
    message: `No upcoming invoices for customer: '${idOf(after.customer)}'`,
  })
}

function previewCancel(call: Call<Params>, before: Stripe.Subscription): Stripe.Subscription {
  if (call.params.subscription_details?.proration_behavior !== 'none')
    prorate(call, before, before, { at: call.now, creditsAll: true })
  return cancelSubscription(call, before, { lastInvoice: 'now' })
}

function firstInvoice(call: Call<Params>, customerId: string): Stripe.Invoice {
  const { items, trial_end } = call.params.subscription_details ?? {}
  if (!items) throw missing('subscription_details[items]')
  const params = {
    customer: customerId,
    items,
    discounts: call.params.discounts,
    trial_end,
    payment_behavior: 'default_incomplete',
  }
  const made = createSubscriptionRoute.handle({ ...call, params }) as Stripe.Subscription
  return asPreview(call, mustFind(call, 'invoice', idOf(made.latest_invoice) ?? ''))
}

function discounted(call: Call<Params>, subscription: Stripe.Subscription): Stripe.Subscription {
  const { discounts } = call.params
  if (discounts === undefined) return subscription
  const target = {
    customer: idOf(subscription.customer),
    currency: subscription.currency,
    amount: amountOf(subscription.items.data),
    subscription: subscription.id,
  }
  const ids = redeem(call, discounts, target).map((discount) => discount.id)
  return saveSubscription(call, { ...subscription, discounts: ids })
}
