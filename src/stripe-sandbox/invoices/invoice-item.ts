import type Stripe from 'stripe'
import { wireDecimal } from '../catalogue/price.ts'
import { idOf, newId } from '../objects/ids.ts'
import type { Turn } from '../objects/turn.ts'
import { checkAmount } from '../payments/amounts.ts'

export type ItemInput = {
  customer: string
  amount: number
  currency: string
  description?: string | null | undefined
  discountable?: boolean | undefined
  invoice?: string | null | undefined
  metadata?: Stripe.Metadata | undefined
  period?: { start: number; end: number } | undefined
  price?: Stripe.Price | undefined
  proration?: boolean
  quantity?: number | undefined
  subscription?: string | undefined
  subscriptionItem?: string | undefined
  unitAmountDecimal?: string | undefined
}

/**
 * A new invoice item, told of. Without an invoice it waits for the customer's next one.
 * @throws StripeFailure 400 `amount_too_large`
 */
export function makeInvoiceItem(turn: Turn, input: ItemInput): Stripe.InvoiceItem {
  const { price, quantity = 1 } = input
  checkAmount(input.amount, 'amount')
  const unit =
    price?.unit_amount_decimal ?? wireDecimal(input.unitAmountDecimal ?? input.amount / (quantity || 1))
  const item = turn.store.save({
    id: newId('ii'),
    object: 'invoiceitem',
    amount: input.amount,
    currency: input.currency,
    customer: input.customer,
    customer_account: null,
    date: turn.now,
    description: input.description ?? null,
    discountable: input.discountable ?? true,
    discounts: [],
    invoice: input.invoice ?? null,
    livemode: false,
    metadata: input.metadata ?? {},
    net_amount: input.amount,
    parent:
      input.subscription === undefined
        ? null
        : {
            type: 'subscription_details',
            subscription_details: {
              subscription: input.subscription,
              ...(input.subscriptionItem && { subscription_item: input.subscriptionItem }),
            },
          },
    period: input.period ?? { start: turn.now, end: turn.now },
    pricing: {
      type: 'price_details',
      ...(price && { price_details: { price: price.id, product: idOf(price.product) } }),
      unit_amount_decimal: unit,
    },
    proration: input.proration ?? false,
    quantity,
    quantity_decimal: wireDecimal(quantity),
    tax_rates: [],
    test_clock: idOf(turn.store.find('customer', input.customer)?.test_clock),
  })
  turn.emit('invoiceitem.created', item)
  return item
}
