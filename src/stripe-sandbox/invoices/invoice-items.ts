import type Stripe from 'stripe'
import { settleCurrency } from '../catalogue/customer-currency.ts'
import { priceAmount, roundHalfUp, savePrice } from '../catalogue/price.ts'
import { invalidRequest, missing } from '../objects/errors.ts'
import { idOf } from '../objects/ids.ts'
import * as p from '../objects/parameters.ts'
import { removeObject, resource, withGiven } from '../objects/resource.ts'
import { route } from '../objects/routes.ts'
import { change, mustFind, type Turn } from '../objects/turn.ts'
import { withTotals } from './invoice-draft.ts'
import { makeInvoiceItem } from './invoice-item.ts'
import { invoiceItemOf, itemLine, productName } from './invoice-line.ts'

const period = p.hash({ start: p.whole, end: p.whole })
const createShape = p.optional({
  amount: p.whole,
  currency: p.currency,
  customer: p.text,
  description: p.text,
  discountable: p.yesNo,
  invoice: p.text,
  metadata: p.metadata,
  period: period,
  price_data: p.hash({
    currency: p.currency,
    product: p.text,
    unit_amount: p.whole,
    unit_amount_decimal: p.exactDecimal,
  }),
  pricing: p.hash({ price: p.text.optional() }),
  quantity: p.whole,
  subscription: p.text,
  unit_amount_decimal: p.exactDecimal,
} satisfies p.ShapeOf<Stripe.InvoiceItemCreateParams>)

const updateShape = p.optional({
  amount: p.whole,
  description: p.clearable,
  discountable: p.yesNo,
  metadata: p.metadata,
  period: period,
  quantity: p.whole,
} satisfies p.ShapeOf<Stripe.InvoiceItemUpdateParams>)

const listShape = {
  created: p.range,
  customer: p.text,
  invoice: p.text,
  pending: p.yesNo,
} satisfies p.ShapeOf<Stripe.InvoiceItemListParams>

const items = resource('invoiceitem', '/v1/invoiceitems')

export const invoiceItemRoutes = [
  items.create(
    createShape,
    (call) => {
      const { params } = call
      const invoice = params.invoice === undefined ? undefined : mustBeDraft(call, params.invoice)
      const customerId = params.customer ?? idOf(invoice?.customer)
      if (!customerId) throw missing('customer')
      mustFind(call, 'customer', customerId, 'customer')
      const subscription =
        params.subscription === undefined
          ? undefined
          : mustFind(call, 'subscription', params.subscription, 'subscription')
      const priceId = params.pricing?.price ?? params.price
      const price = params.price_data
        ? savePrice(call, {
            ...params.price_data,
            product: mustFind(call, 'product', params.price_data.product, 'price_data[product]').id,
          })
        : priceId === undefined
          ? undefined
          : mustFind(call, 'price', priceId, 'pricing[price]')
      const quantity = params.quantity ?? 1
      const unit = params.unit_amount_decimal
      const amount = price
        ? priceAmount(price, quantity)
        : unit === undefined
          ? params.amount
          : roundHalfUp(Number(unit) * quantity)
      if (amount === undefined) throw missing('amount')
      const code = price?.currency ?? params.currency ?? invoice?.currency ?? subscription?.currency
      if (code === undefined) throw missing('currency')
      if (invoice && invoice.currency !== code)
        throw invalidRequest(`The currency of the item must be the invoice's, ${invoice.currency}.`, {
          param: 'currency',
        })
      settleCurrency(call, customerId, code)
      const item = makeInvoiceItem(call, {
        customer: customerId,
        amount,
        currency: code,
        description: params.description ?? (price && productName(call, price)),
        // A credit is not reduced by a discount.
        discountable: params.discountable ?? amount >= 0,
        invoice: invoice?.id,
        metadata: p.mergeMetadata({}, params.metadata),
        period: params.period,
        price,
        quantity,
        subscription: subscription?.id,
        unitAmountDecimal: unit,
      })
      if (invoice) {
        const lines = { ...invoice.lines, data: [...invoice.lines.data, itemLine(call, item)] }
        change(call, 'invoice.updated', invoice, withTotals(call, { ...invoice, lines }))
      }
      return item
    },
    { older: { price: p.text.optional(), unit_amount: p.whole.optional() } },
  ),
  items.list(listShape, ({ customer, invoice, pending }) => ({
    equal: { customer, invoice },
    where: (item) => pending === undefined || (item.invoice === null) === pending,
  })),
  items.retrieve(),
  route('POST /v1/invoiceitems/:id', updateShape, (call) => {
    const item = mustFind(call, 'invoiceitem', call.id)
    const { amount, quantity, ...fields } = call.params
    const invoice = item.invoice === null ? undefined : mustBeDraft(call, idOf(item.invoice))
    const unit = Number(item.pricing?.unit_amount_decimal ?? item.amount)
    const after = call.store.save(
      withGiven(item, {
        ...fields,
        amount: amount ?? (quantity === undefined ? undefined : roundHalfUp(unit * quantity)),
        quantity,
      }),
    )
    if (invoice) replaceLine(call, invoice, after)
    return after
  }),
  route('DELETE /v1/invoiceitems/:id', {}, (call) => {
    const item = mustFind(call, 'invoiceitem', call.id)
    const invoice = item.invoice === null ? undefined : mustBeDraft(call, idOf(item.invoice))
    const stub = removeObject(call, item, 'invoiceitem.deleted')
    if (invoice) replaceLine(call, invoice, item, true)
    return stub
  }),
]

function mustBeDraft(turn: Turn, id: string): Stripe.Invoice {
  const invoice = mustFind(turn, 'invoice', id, 'invoice')
  if (invoice.status === 'draft') return invoice
  throw invalidRequest(`The invoice ${id} is already finalized, you can't change its items.`, {
    code: 'invoice_not_editable',
    param: 'invoice',
  })
}

function replaceLine(turn: Turn, invoice: Stripe.Invoice, item: Stripe.InvoiceItem, removed = false): void {
  const data = invoice.lines.data.flatMap((line) => {
    if (invoiceItemOf(line) !== item.id) return [line]
    return removed ? [] : [{ ...itemLine(turn, item), id: line.id }]
  })
  change(
    turn,
    'invoice.updated',
    invoice,
    withTotals(turn, { ...invoice, lines: { ...invoice.lines, data } }),
  )
}
