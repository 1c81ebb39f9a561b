import type Stripe from 'stripe'
import { discountList, redeem } from '../catalogue/discount.ts'
import { invalidRequest, missing, StripeFailure } from '../objects/errors.ts'
import { idOf } from '../objects/ids.ts'
import { pageOf } from '../objects/lists.ts'
import * as p from '../objects/parameters.ts'
import { addDays } from '../objects/periods.ts'
import { removeObject, resource, withGiven } from '../objects/resource.ts'
import { route } from '../objects/routes.ts'
import { change, mustFind } from '../objects/turn.ts'
import { intentFailure } from '../payments/intent.ts'
import { ownMethod } from '../payments/payment-method.ts'
import { autoAdvanced, collect, sendInvoice } from './collection.ts'
import { makeDraft, pendingItems, withTotals } from './invoice-draft.ts'
import { invoiceItemOf, itemLine } from './invoice-line.ts'
import { finalizeInvoice, markPaid, voidInvoice, writeOff } from './invoicing.ts'
import { methodFor } from './payer.ts'

const shared = {
  auto_advance: p.yesNo,
  collection_method: p.oneOf('charge_automatically', 'send_invoice'),
  days_until_due: p.whole,
  default_payment_method: p.text,
  description: p.clearable,
  discounts: discountList,
  due_date: p.whole,
  footer: p.clearable,
  metadata: p.metadata,
  payment_settings: p.hash({ payment_method_types: p.listOf(p.text).optional() }),
} satisfies p.ShapeOf<Stripe.InvoiceCreateParams> & p.ShapeOf<Stripe.InvoiceUpdateParams>

const createShape = p.optional({
  ...shared,
  currency: p.currency,
  customer: p.text,
  pending_invoice_items_behavior: p.oneOf('include', 'exclude'),
  subscription: p.text,
} satisfies p.ShapeOf<Stripe.InvoiceCreateParams>)

const listShape = {
  collection_method: p.text,
  created: p.range,
  customer: p.text,
  status: p.oneOf('draft', 'open', 'paid', 'uncollectible', 'void'),
  subscription: p.text,
} satisfies p.ShapeOf<Stripe.InvoiceListParams>

const finalizeShape = p.optional({
  auto_advance: p.yesNo,
} satisfies p.ShapeOf<Stripe.InvoiceFinalizeInvoiceParams>)

const paymentListShape = {
  invoice: p.text,
  payment: p.hash({ type: p.oneOf('payment_intent'), payment_intent: p.text }),
  status: p.text,
} satisfies p.ShapeOf<Stripe.InvoicePaymentListParams>

const payShape = p.optional({
  forgive: p.yesNo,
  off_session: p.yesNo,
  paid_out_of_band: p.yesNo,
  payment_method: p.text,
} satisfies p.ShapeOf<Stripe.InvoicePayParams>)

const invoices = resource('invoice', '/v1/invoices')
const payments = resource('invoice_payment', '/v1/invoice_payments')

export const invoiceRoutes = [
  invoices.create(createShape, (call) => {
    const { params } = call
    const subscription =
      params.subscription === undefined
        ? undefined
        : mustFind(call, 'subscription', params.subscription, 'subscription')
    const customerId = params.customer ?? idOf(subscription?.customer)
    if (!customerId) throw missing('customer')
    const customer = mustFind(call, 'customer', customerId, 'customer')
    const byInvoice = params.collection_method === 'send_invoice'
    if (byInvoice && params.days_until_due === undefined && params.due_date === undefined)
      throw missing('days_until_due')
    const takesItems = params.pending_invoice_items_behavior === 'include' || subscription !== undefined
    const code = params.currency ?? subscription?.currency
    const waiting = takesItems ? pendingItems(call, customer.id, subscription?.id) : []
    const used = code ?? waiting[0]?.currency ?? customer.currency ?? 'usd'
    const items = waiting.filter((item) => item.currency === used)
    const amount = items.reduce((sum, item) => sum + item.amount, 0)
    const target = { customer: customer.id, currency: used, amount }
    const draft = makeDraft(call, {
      customer,
      currency: used,
      reason: subscription ? 'subscription_update' : 'manual',
      lines: items.map((item) => itemLine(call, item)),
      discounts: redeem(call, params.discounts ?? [], target),
      period: { start: call.now, end: call.now },
      ...(subscription && { subscription }),
      collectionMethod: params.collection_method,
      dueDate:
        params.due_date ??
        (params.days_until_due === undefined ? undefined : addDays(call.now, params.days_until_due)),
      autoAdvance: params.auto_advance,
      description: params.description ?? undefined,
      footer: params.footer ?? undefined,
      metadata: p.mergeMetadata({}, params.metadata),
      defaultPaymentMethod:
        params.default_payment_method &&
        ownMethod(call, params.default_payment_method, customer.id, 'default_payment_method').id,
    })
    const advancing = autoAdvanced(call, draft)
    call.emit('invoice.created', advancing)
    return advancing
  }),
  invoices.list(listShape, ({ subscription, ...fields }) => ({
    equal: { ...fields, 'parent.subscription_details.subscription': subscription },
  })),
  invoices.retrieve(),
  route('POST /v1/invoices/:id', p.optional(shared), (call) => {
    const invoice = mustFind(call, 'invoice', call.id)
    const { params } = call
    const free = new Set(['metadata', 'auto_advance', 'default_payment_method', 'description'])
    const fixed = Object.entries(params).find(([key, value]) => value !== undefined && !free.has(key))
    if (invoice.status !== 'draft' && fixed)
      throw invalidRequest(`Finalized invoices can't be updated in this way: ${fixed[0]}`, {
        code: 'invoice_not_editable',
        param: fixed[0],
      })
    const target = {
      customer: idOf(invoice.customer) ?? '',
      currency: invoice.currency,
      amount: invoice.subtotal,
      invoice: invoice.id,
    }
    const discounts =
      params.discounts && redeem(call, params.discounts, target).map((discount) => discount.id)
    const method =
      params.default_payment_method &&
      ownMethod(call, params.default_payment_method, idOf(invoice.customer), 'default_payment_method').id
    const { auto_advance, collection_method, description, due_date, footer, metadata } = params
    const after = withGiven(invoice, {
      auto_advance,
      collection_method,
      default_payment_method: method,
      description,
      discounts,
      due_date,
      footer,
      metadata,
    })
    const summed = invoice.status === 'draft' ? withTotals(call, after) : after
    return autoAdvanced(call, change(call, 'invoice.updated', invoice, summed))
  }),
  invoices.remove('invoice.deleted', (call, invoice) => {
    if (invoice.status !== 'draft' || invoice.parent !== null)
      throw invalidRequest('You can only delete draft invoices that are not of a subscription.', {
        code: 'invoice_not_editable',
      })
    for (const line of invoice.lines.data) {
      const item = call.store.find('invoiceitem', invoiceItemOf(line) ?? '')
      if (item) removeObject(call, item)
    }
  }),
  invoices.act('finalize', finalizeShape, (call, invoice) =>
    finalizeInvoice(call, {
      ...invoice,
      auto_advance: call.params.auto_advance ?? invoice.auto_advance ?? false,
    }),
  ),
  invoices.act('pay', payShape, (call, invoice) => {
    const { payment_method: methodId, paid_out_of_band: outOfBand } = call.params
    if (invoice.status === 'paid') throw invalidRequest('Invoice is already paid')
    if (invoice.status === 'void')
      throw invalidRequest('Voided invoices cannot be paid.', { code: 'status_transition_invalid' })
    const open = invoice.status === 'draft' ? finalizeInvoice(call, invoice) : invoice
    if (open.status === 'paid') return open
    if (outOfBand) return markPaid(call, open)
    const method =
      methodId === undefined
        ? methodFor(call, open)
        : ownMethod(call, methodId, idOf(open.customer), 'payment_method')
    if (!method)
      throw invalidRequest(
        'There is no `default_payment_method` set on this Customer or Invoice. Please attach a payment method or set one as the default.',
        { code: 'resource_missing' },
      )
    const { invoice: after, intent } = collect(call, open, method)
    if (after.status === 'paid' || !intent) return after
    throw intent.last_payment_error ? intentFailure(intent) : needsAction(intent)
  }),
  invoices.act('void', {}, voidInvoice),
  invoices.act('mark_uncollectible', {}, writeOff),
  invoices.act('send', {}, (call, invoice) => {
    if (invoice.collection_method !== 'send_invoice')
      throw invalidRequest(
        'You can only manually send an invoice if its collection method is set to `send_invoice`.',
      )
    const open = invoice.status === 'draft' ? finalizeInvoice(call, invoice) : invoice
    sendInvoice(call, open)
    return open
  }),
  route('GET /v1/invoices/:id/lines', p.pagination, (call) => {
    const invoice = mustFind(call, 'invoice', call.id)
    return pageOf(invoice.lines.data, `/v1/invoices/${call.id}/lines`, call.params)
  }),
  payments.list(paymentListShape, ({ invoice, payment, status }) => ({
    equal: { invoice, status, 'payment.payment_intent': payment?.payment_intent },
  })),
  payments.retrieve(),
]

function needsAction(intent: Stripe.PaymentIntent): StripeFailure {
  return new StripeFailure(
    402,
    {
      type: 'card_error',
      code: 'invoice_payment_intent_requires_action',
      message:
        'This payment requires additional user action before it can be completed successfully. Payment can be completed using the PaymentIntent associated with invoice.',
      payment_intent: intent,
    },
    true,
  )
}
