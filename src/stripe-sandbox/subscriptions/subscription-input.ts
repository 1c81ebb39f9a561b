import type Stripe from 'stripe'
import { z } from 'zod'
import { discountList } from '../catalogue/discount.ts'
import { planOf } from '../catalogue/plans.ts'
import { hasFixedAmount, priceAmount, savePrice } from '../catalogue/price.ts'
import { recurringShape } from '../catalogue/prices.ts'
import { makeInvoiceItem } from '../invoices/invoice-item.ts'
import { invalidRequest } from '../objects/errors.ts'
import { idOf, newId } from '../objects/ids.ts'
import * as p from '../objects/parameters.ts'
import { mustFind, type Turn } from '../objects/turn.ts'

const priceData = { currency: p.currency, product: p.text, unit_amount: p.whole }
const item = {
  price: p.text,
  price_data: p.hash({ ...priceData, recurring: recurringShape }),
  plan: p.text,
  quantity: p.whole,
  metadata: p.metadata,
}

const lastTimes = ['max_period_end', 'min_period_end'] as const
export const cancelAt = z
  .string()
  .regex(/^(max_period_end|min_period_end|\d{1,12})$/, 'timestamp')
  .transform((value) => lastTimes.find((each) => each === value) ?? Number(value))

/** What creating and updating a subscription have in common. */
export const subscriptionShape = p.optional({
  add_invoice_items: p.listOf(
    p.hash(
      p.optional({
        price: p.text,
        price_data: p.hash(priceData),
        quantity: p.whole,
        discountable: p.yesNo,
        metadata: p.metadata,
      }),
    ),
  ),
  cancel_at: p.emptyable(cancelAt),
  cancel_at_period_end: p.yesNo,
  collection_method: p.oneOf('charge_automatically', 'send_invoice'),
  days_until_due: p.whole,
  default_payment_method: p.text,
  description: p.clearable,
  discounts: discountList,
  metadata: p.metadata,
  off_session: p.yesNo,
  payment_behavior: p.oneOf('allow_incomplete', 'default_incomplete', 'error_if_incomplete'),
  payment_settings: p.hash({
    payment_method_types: p.listOf(p.text).optional(),
    save_default_payment_method: p.oneOf('off', 'on_subscription').optional(),
  }),
  proration_behavior: p.oneOf('always_invoice', 'create_prorations', 'none'),
  trial_end: p.nowOrTime,
  trial_settings: p.hash({
    end_behavior: p.hash({ missing_payment_method: p.oneOf('cancel', 'create_invoice', 'pause') }),
  }),
} satisfies p.ShapeOf<Stripe.SubscriptionCreateParams> & p.ShapeOf<Stripe.SubscriptionUpdateParams>)

export const createItems = p.listOf(p.hash(p.optional(item)))
export const updateItems = p.listOf(
  p.hash(p.optional({ ...item, id: p.text, deleted: p.yesNo, clear_usage: p.yesNo })),
)

/** A coupon or promotion code at the top is from earlier API versions. */
export const olderShape = p.optional({ coupon: p.text, promotion_code: p.text })

export type ItemInput = z.output<typeof updateItems>[number]
type AddedItem = z.output<NonNullable<typeof subscriptionShape.add_invoice_items>>

/** A new subscription item, with a period that its subscription sets. @throws StripeFailure 400 for an unusable price */
export function makeItem(
  turn: Turn,
  input: ItemInput,
  subscriptionId: string,
  param: string,
): Stripe.SubscriptionItem {
  const price = recurringPrice(turn, input, param)
  if ((input.quantity ?? 1) < 0)
    throw invalidRequest('This value must be greater than or equal to 0.', {
      code: 'parameter_invalid_integer',
      param: `${param}[quantity]`,
    })
  return {
    id: newId('si', 14),
    object: 'subscription_item',
    billing_thresholds: null,
    created: turn.now,
    current_period_end: turn.now,
    current_period_start: turn.now,
    current_trial: null,
    discounts: [],
    metadata: p.mergeMetadata({}, input.metadata),
    plan: planOf(price),
    price,
    quantity: input.quantity ?? 1,
    subscription: subscriptionId,
    tax_rates: [],
  }
}

/** The item with another price or quantity. */
export function changeItem(
  turn: Turn,
  item: Stripe.SubscriptionItem,
  input: ItemInput,
  param: string,
): Stripe.SubscriptionItem {
  const named = input.price !== undefined || input.price_data !== undefined || input.plan !== undefined
  const price = named ? recurringPrice(turn, input, param) : item.price
  return {
    ...item,
    price,
    plan: planOf(price),
    quantity: input.quantity ?? item.quantity ?? 1,
    metadata: p.mergeMetadata(item.metadata, input.metadata),
  }
}

/** All prices of a subscription are in one currency; their intervals may differ, each item has its own periods. */
export function checkItems(items: Stripe.SubscriptionItem[]): void {
  const [first] = items
  if (!first) throw invalidRequest('A subscription must have at least one item.', { param: 'items' })
  if (items.some(({ price }) => price.currency !== first.price.currency))
    throw invalidRequest('All prices on a subscription must have the same currency.', { param: 'items' })
  if (new Set(items.map(({ price }) => price.id)).size < items.length)
    throw invalidRequest('Cannot add multiple subscription items with the same plan.', { param: 'items' })
}

/** Turns `add_invoice_items` into pending invoice items: they go on the next invoice. */
export function addInvoiceItems(
  turn: Turn,
  inputs: NonNullable<AddedItem>,
  subscription: Stripe.Subscription,
): void {
  for (const [position, input] of inputs.entries()) {
    const param = `add_invoice_items[${position}]`
    const price = input.price_data
      ? savePrice(turn, {
          ...input.price_data,
          product: mustFind(turn, 'product', input.price_data.product, `${param}[price_data][product]`).id,
        })
      : mustFind(turn, 'price', input.price ?? '', `${param}[price]`)
    if (price.currency !== subscription.currency)
      throw invalidRequest(`The price specified must be in ${subscription.currency}.`, {
        param: `${param}[price]`,
      })
    const quantity = input.quantity ?? 1
    makeInvoiceItem(turn, {
      customer: idOf(subscription.customer),
      amount: priceAmount(price, quantity),
      currency: price.currency,
      discountable: input.discountable ?? true,
      metadata: input.metadata ?? {},
      price,
      quantity,
      subscription: subscription.id,
    })
  }
}

function recurringPrice(turn: Turn, input: ItemInput, param: string): Stripe.Price {
  if (input.price_data) {
    const product = mustFind(turn, 'product', input.price_data.product, `${param}[price_data][product]`)
    return savePrice(turn, { ...input.price_data, product: product.id })
  }
  const price = mustFind(turn, 'price', input.price ?? input.plan ?? '', `${param}[price]`)
  const inactive = !price.active || turn.store.find('product', idOf(price.product))?.active === false
  if (inactive)
    throw invalidRequest('The price specified is inactive. This field only accepts active prices.', {
      param: `${param}[price]`,
    })
  if (price.recurring === null)
    throw invalidRequest(
      `The price specified is set to \`type=one_time\` but this field only accepts prices with \`type=recurring\`.`,
      { param: `${param}[price]` },
    )
  if (!hasFixedAmount(price))
    throw invalidRequest('The sandbox bills no tiers, no meters and no amounts of the customer’s choice.', {
      param: `${param}[price]`,
    })
  return price
}
