import type Stripe from 'stripe'
import { couponOf } from '../catalogue/discount.ts'
import { partOf, percentOf, priceAmount, wireDecimal } from '../catalogue/price.ts'
import { idOf, newId } from '../objects/ids.ts'
import type { Turn } from '../objects/turn.ts'
import { money } from '../payments/amounts.ts'

export type Line = Stripe.InvoiceLineItem
export type Period = { start: number; end: number }

/** One period of a subscription's item; a trial costs nothing. */
export function subscriptionLine(
  turn: Turn,
  subscription: Stripe.Subscription,
  item: Stripe.SubscriptionItem,
  how: { period: Period; amount?: number; trial?: boolean },
): Line {
  const name = productName(turn, item.price)
  const quantity = item.quantity ?? 1
  return blankLine({
    amount: how.trial ? 0 : (how.amount ?? priceAmount(item.price, quantity)),
    currency: subscription.currency,
    description: how.trial
      ? `Trial period for ${name}`
      : `${quantity} × ${name} (at ${money(item.price.unit_amount ?? 0, item.price.currency)} / ${item.price.recurring?.interval})`,
    period: how.period,
    price: item.price,
    quantity,
    subscription: subscription.id,
    parent: {
      type: 'subscription_item_details',
      invoice_item_details: null,
      subscription_item_details: {
        invoice_item: null,
        proration: false,
        proration_details: null,
        subscription: subscription.id,
        subscription_item: item.id,
      },
    },
  })
}

/** An invoice item as it stands on an invoice. */
export function itemLine(turn: Turn, item: Stripe.InvoiceItem): Line {
  const details = item.parent?.subscription_details
  const priceId = idOf(item.pricing?.price_details?.price)
  const price = priceId === null ? undefined : turn.store.find('price', priceId)
  const ofItem = details?.subscription_item !== undefined
  return blankLine({
    amount: item.amount,
    currency: item.currency,
    description: item.description,
    discountable: item.discountable,
    metadata: item.metadata ?? {},
    period: item.period,
    price,
    quantity: item.quantity,
    subscription: details?.subscription ?? null,
    parent: {
      type: ofItem ? 'subscription_item_details' : 'invoice_item_details',
      invoice_item_details: ofItem
        ? null
        : {
            invoice_item: item.id,
            proration: item.proration,
            proration_details: null,
            subscription: details?.subscription ?? null,
          },
      subscription_item_details: ofItem
        ? {
            invoice_item: item.id,
            proration: item.proration,
            proration_details: null,
            subscription: details?.subscription ?? null,
            subscription_item: details?.subscription_item ?? '',
          }
        : null,
    },
  })
}

export function invoiceItemOf(line: Line): string | null {
  return (
    line.parent?.invoice_item_details?.invoice_item ??
    line.parent?.subscription_item_details?.invoice_item ??
    null
  )
}

/**
 * The lines with what each discount takes off them. A percentage takes from each discountable line of its products, rounded;
 * an amount from all of them together, spread so that the shares add up. The next discount takes from what is left.
 */
export function applyDiscounts(turn: Turn, lines: Line[], discounts: Stripe.Discount[]): Line[] {
  const left = lines.map((line) => (line.discountable ? line.amount : 0))
  const shares: Line['discount_amounts'][] = lines.map(() => [])
  for (const discount of discounts) {
    const coupon = couponOf(turn, discount)
    if (!coupon) continue
    const products = coupon.applies_to?.products
    const eligible = lines.flatMap((line, at) =>
      line.discountable &&
      line.amount > 0 &&
      (!products || products.includes(line.pricing?.price_details?.product ?? ''))
        ? [at]
        : [],
    )
    const base = eligible.reduce((sum, at) => sum + (left[at] ?? 0), 0)
    if (base <= 0) continue
    const off = Math.min(coupon.amount_off ?? 0, base)
    let soFar = 0
    let given = 0
    for (const at of eligible) {
      const amount = left[at] ?? 0
      soFar += amount
      const share =
        coupon.percent_off === null ? partOf(off, soFar, base) - given : percentOf(amount, coupon.percent_off)
      given += share
      left[at] = (left[at] ?? 0) - share
      shares[at]?.push({ amount: share, discount: discount.id })
    }
  }
  return lines.map((line, at) => ({ ...line, discount_amounts: shares[at] ?? [] }))
}

export function netAmount(line: Line): number {
  return line.amount - (line.discount_amounts ?? []).reduce((sum, { amount }) => sum + amount, 0)
}

export function productName(turn: Turn, price: Stripe.Price): string {
  return turn.store.find('product', idOf(price.product))?.name ?? idOf(price.product)
}

function blankLine(line: {
  amount: number
  currency: string
  description: string | null
  discountable?: boolean
  metadata?: Stripe.Metadata
  period: Period
  price: Stripe.Price | undefined
  quantity: number
  subscription: string | null
  parent: NonNullable<Line['parent']>
}): Line {
  const { price } = line
  return {
    id: newId('il'),
    object: 'line_item',
    amount: line.amount,
    currency: line.currency,
    description: line.description,
    discount_amounts: [],
    discountable: line.discountable ?? true,
    discounts: [],
    invoice: null,
    livemode: false,
    metadata: line.metadata ?? {},
    parent: line.parent,
    period: line.period,
    pretax_credit_amounts: [],
    pricing: price
      ? {
          type: 'price_details',
          price_details: { price: price.id, product: idOf(price.product) },
          unit_amount_decimal: price.unit_amount_decimal,
        }
      : { type: 'price_details', unit_amount_decimal: wireDecimal(line.amount) },
    quantity: line.quantity,
    quantity_decimal: wireDecimal(line.quantity),
    subscription: line.subscription,
    subtotal: line.amount,
    taxes: [],
  }
}
