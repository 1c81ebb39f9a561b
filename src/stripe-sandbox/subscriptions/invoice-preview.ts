import type Stripe from 'stripe'
import { discountList, redeem } from '../catalogue/discount.ts'
import { priceAmount } from '../catalogue/price.ts'
import { makeInvoiceItem } from '../invoices/invoice-item.ts'
import { invalidRequest, missing, StripeFailure } from '../objects/errors.ts'
import { idOf } from '../objects/ids.ts'
import {
  currency,
  emptyable,
  hash,
  listOf,
  metadata,
  nowOrTime,
  oneOf,
  type ShapeOf,
  text,
  whole,
  yesNo,
} from '../objects/parameters.ts'
import { addInterval } from '../objects/periods.ts'
import { type Call, route } from '../objects/routes.ts'
import { mustFind, type Turn } from '../objects/turn.ts'
import { draftForSubscription, periodLines } from './subscription-billing.ts'
import { amountOf, createSubscriptionRoute } from './subscription-create.ts'
import { updateItems } from './subscription-input.ts'
import { updateSubscription } from './subscription-update.ts'

const shape = {
  currency: currency.optional(),
  customer: text.optional(),
  discounts: discountList.optional(),
  invoice_items: listOf(
    hash({
      amount: whole.optional(),
      currency: currency.optional(),
      description: text.optional(),
      discountable: yesNo.optional(),
      metadata: metadata.optional(),
      price: text.optional(),
      quantity: whole.optional(),
    }),
  ).optional(),
  preview_mode: oneOf('next').optional(),
  subscription: text.optional(),
  subscription_details: hash({
    billing_cycle_anchor: oneOf('now', 'unchanged').optional(),
    cancel_at: emptyable(whole).optional(),
    cancel_at_period_end: yesNo.optional(),
    items: updateItems.optional(),
    proration_behavior: oneOf('always_invoice', 'create_prorations', 'none').optional(),
    proration_date: whole.optional(),
    trial_end: nowOrTime.optional(),
  }).optional(),
} satisfies ShapeOf<Stripe.InvoiceCreatePreviewParams>

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
    const invoice = subscription
      ? nextInvoice(call, discounted(call, subscription))
      : firstInvoice(call, customerId)
    return asPreview(invoice)
  }),
)

type Params = Parameters<Parameters<typeof route<typeof shape>>[2]>[0]['params']

/** The invoice that a change makes at once, or else the one at the end of the period. */
function nextInvoice(call: Call<Params>, before: Stripe.Subscription): Stripe.Invoice {
  const details = call.params.subscription_details
  const after = details
    ? updateSubscription({ ...call, params: { ...details, payment_behavior: 'default_incomplete' } }, before)
    : before
  const latest = idOf(after.latest_invoice)
  if (latest !== null && latest !== idOf(before.latest_invoice)) return mustFind(call, 'invoice', latest)
  if (after.cancel_at !== null || ['canceled', 'incomplete_expired', 'paused'].includes(after.status))
    throw new StripeFailure(404, {
      type: 'invalid_request_error',
      code: 'invoice_upcoming_none',
      message: `No upcoming invoices for customer: '${idOf(after.customer)}'`,
    })
  const day = new Date(after.billing_cycle_anchor * 1000).getUTCDate()
  const data = after.items.data.map((item) => {
    const interval = item.price.recurring ?? { interval: 'month', interval_count: 1 }
    const start = item.current_period_end
    return { ...item, current_period_start: start, current_period_end: addInterval(start, interval, day) }
  })
  const renewed = { ...after, items: { ...after.items, data } }
  return draftForSubscription(call, renewed, 'subscription_cycle', periodLines(call, renewed))
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
  return mustFind(call, 'invoice', idOf(made.latest_invoice) ?? '')
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
  return call.store.save({ ...subscription, discounts: ids })
}

function asPreview(invoice: Stripe.Invoice): Stripe.Invoice {
  const due = Math.max(0, invoice.total)
  return {
    ...invoice,
    id: `upcoming_${invoice.id}`,
    amount_due: due,
    amount_paid: 0,
    amount_remaining: due,
    attempted: false,
    attempt_count: 0,
    effective_at: null,
    ending_balance: null,
    hosted_invoice_url: null,
    invoice_pdf: null,
    number: null,
    status: 'draft',
    status_transitions: { finalized_at: null, marked_uncollectible_at: null, paid_at: null, voided_at: null },
  }
}

class Undo extends Error {
  readonly result: Stripe.Invoice
  constructor(result: Stripe.Invoice) {
    super('undo')
    this.result = result
  }
}

function undone(turn: Turn, work: () => Stripe.Invoice): Stripe.Invoice {
  try {
    return turn.store.transaction(() => {
      throw new Undo(work())
    })
  } catch (error) {
    if (error instanceof Undo) return error.result
    throw error
  }
}
