import type Stripe from 'stripe'
import { settleCurrency } from '../catalogue/customer-currency.ts'
import { priceAmount, roundHalfUp, savePrice } from '../catalogue/price.ts'
import { invalidRequest, missing } from '../objects/errors.ts'
import { idOf } from '../objects/ids.ts'
import { listPage } from '../objects/lists.ts'
import {
  clearable,
  currency,
  exactDecimal,
  hash,
  mergeMetadata,
  metadata,
  pagination,
  range,
  type ShapeOf,
  text,
  whole,
  yesNo,
} from '../objects/parameters.ts'
import { route } from '../objects/routes.ts'
import { change, mustFind, type Turn } from '../objects/turn.ts'
import { withTotals } from './invoice-draft.ts'
import { makeInvoiceItem } from './invoice-item.ts'
import { invoiceItemOf, itemLine, productName } from './invoice-line.ts'

const period = hash({ start: whole, end: whole })
const createShape = {
  amount: whole.optional(),
  currency: currency.optional(),
  customer: text.optional(),
  description: text.optional(),
  discountable: yesNo.optional(),
  invoice: text.optional(),
  metadata: metadata.optional(),
  period: period.optional(),
  price_data: hash({
    currency,
    product: text,
    unit_amount: whole.optional(),
    unit_amount_decimal: exactDecimal.optional(),
  }).optional(),
  pricing: hash({ price: text.optional() }).optional(),
  quantity: whole.optional(),
  subscription: text.optional(),
  unit_amount_decimal: exactDecimal.optional(),
} satisfies ShapeOf<Stripe.InvoiceItemCreateParams>

const updateShape = {
  amount: whole.optional(),
  description: clearable.optional(),
  discountable: yesNo.optional(),
  metadata: metadata.optional(),
  period: period.optional(),
  quantity: whole.optional(),
} satisfies ShapeOf<Stripe.InvoiceItemUpdateParams>

const listShape = {
  ...pagination,
  created: range.optional(),
  customer: text.optional(),
  invoice: text.optional(),
  pending: yesNo.optional(),
} satisfies ShapeOf<Stripe.InvoiceItemListParams>

export const invoiceItemRoutes = [
  route(
    'POST /v1/invoiceitems',
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
        metadata: mergeMetadata({}, params.metadata),
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
    { older: { price: text.optional(), unit_amount: whole.optional() } },
  ),
  route('GET /v1/invoiceitems', listShape, (call) => {
    const { customer, invoice, pending } = call.params
    return listPage(call, 'invoiceitem', '/v1/invoiceitems', call.params, {
      equal: { customer, invoice },
      where: (item) => pending === undefined || (item.invoice === null) === pending,
    })
  }),
  route('GET /v1/invoiceitems/:id', {}, (call) => mustFind(call, 'invoiceitem', call.id)),
  route('POST /v1/invoiceitems/:id', updateShape, (call) => {
    const item = mustFind(call, 'invoiceitem', call.id)
    const { amount, description, discountable, metadata: given, period: when, quantity } = call.params
    const invoice = item.invoice === null ? undefined : mustBeDraft(call, idOf(item.invoice))
    const unit = Number(item.pricing?.unit_amount_decimal ?? item.amount)
    const after = call.store.save({
      ...item,
      amount: amount ?? (quantity === undefined ? item.amount : roundHalfUp(unit * quantity)),
      description: description === undefined ? item.description : description,
      discountable: discountable ?? item.discountable,
      metadata: mergeMetadata(item.metadata ?? {}, given),
      period: when ?? item.period,
      quantity: quantity ?? item.quantity,
    })
    if (invoice) replaceLine(call, invoice, after)
    return after
  }),
  route('DELETE /v1/invoiceitems/:id', {}, (call) => {
    const item = mustFind(call, 'invoiceitem', call.id)
    const invoice = item.invoice === null ? undefined : mustBeDraft(call, idOf(item.invoice))
    const stub = { id: item.id, object: 'invoiceitem', deleted: true } satisfies Stripe.DeletedInvoiceItem
    call.store.remove(item, stub)
    call.emit('invoiceitem.deleted', item)
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
