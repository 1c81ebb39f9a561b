import type Stripe from 'stripe'
import { discountList, redeem } from '../catalogue/discount.ts'
import { invalidRequest, missing, StripeFailure } from '../objects/errors.ts'
import { idOf } from '../objects/ids.ts'
import { listPage, pageOf } from '../objects/lists.ts'
import {
  clearable,
  currency,
  hash,
  listOf,
  mergeMetadata,
  metadata,
  oneOf,
  pagination,
  range,
  type ShapeOf,
  text,
  whole,
  yesNo,
} from '../objects/parameters.ts'
import { addDays } from '../objects/periods.ts'
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
  auto_advance: yesNo.optional(),
  collection_method: oneOf('charge_automatically', 'send_invoice').optional(),
  days_until_due: whole.optional(),
  default_payment_method: text.optional(),
  description: clearable.optional(),
  discounts: discountList.optional(),
  due_date: whole.optional(),
  footer: clearable.optional(),
  metadata: metadata.optional(),
  payment_settings: hash({ payment_method_types: listOf(text).optional() }).optional(),
} satisfies ShapeOf<Stripe.InvoiceCreateParams> & ShapeOf<Stripe.InvoiceUpdateParams>

const createShape = {
  ...shared,
  currency: currency.optional(),
  customer: text.optional(),
  pending_invoice_items_behavior: oneOf('include', 'exclude').optional(),
  subscription: text.optional(),
} satisfies ShapeOf<Stripe.InvoiceCreateParams>

const listShape = {
  ...pagination,
  collection_method: text.optional(),
  created: range.optional(),
  customer: text.optional(),
  status: oneOf('draft', 'open', 'paid', 'uncollectible', 'void').optional(),
  subscription: text.optional(),
} satisfies ShapeOf<Stripe.InvoiceListParams>

const payShape = {
  forgive: yesNo.optional(),
  off_session: yesNo.optional(),
  paid_out_of_band: yesNo.optional(),
  payment_method: text.optional(),
} satisfies ShapeOf<Stripe.InvoicePayParams>

export const invoiceRoutes = [
  route('POST /v1/invoices', createShape, (call) => {
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
      metadata: mergeMetadata({}, params.metadata),
      defaultPaymentMethod:
        params.default_payment_method &&
        ownMethod(call, params.default_payment_method, customer.id, 'default_payment_method').id,
    })
    const advancing = autoAdvanced(call, draft)
    call.emit('invoice.created', advancing)
    return advancing
  }),
  route('GET /v1/invoices', listShape, (call) => {
    const { collection_method, customer, status, subscription } = call.params
    return listPage(call, 'invoice', '/v1/invoices', call.params, {
      equal: {
        collection_method,
        customer,
        status,
        'parent.subscription_details.subscription': subscription,
      },
    })
  }),
  route('GET /v1/invoices/:id', {}, (call) => mustFind(call, 'invoice', call.id)),
  route('POST /v1/invoices/:id', shared, (call) => {
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
    const after: Stripe.Invoice = {
      ...invoice,
      auto_advance: params.auto_advance ?? invoice.auto_advance ?? false,
      collection_method: params.collection_method ?? invoice.collection_method,
      default_payment_method: method ?? invoice.default_payment_method,
      description: params.description === undefined ? invoice.description : params.description,
      discounts: discounts ?? invoice.discounts,
      due_date: params.due_date ?? invoice.due_date,
      footer: params.footer === undefined ? invoice.footer : params.footer,
      metadata: mergeMetadata(invoice.metadata ?? {}, params.metadata),
    }
    const summed = invoice.status === 'draft' ? withTotals(call, after) : after
    return autoAdvanced(call, change(call, 'invoice.updated', invoice, summed))
  }),
  route('DELETE /v1/invoices/:id', {}, (call) => {
    const invoice = mustFind(call, 'invoice', call.id)
    if (invoice.status !== 'draft' || invoice.parent !== null)
      throw invalidRequest('You can only delete draft invoices that are not of a subscription.', {
        code: 'invoice_not_editable',
      })
    for (const line of invoice.lines.data) {
      const item = call.store.find('invoiceitem', invoiceItemOf(line) ?? '')
      if (item) call.store.remove(item, { id: item.id, object: 'invoiceitem', deleted: true })
    }
    const stub = { id: invoice.id, object: 'invoice', deleted: true } satisfies Stripe.DeletedInvoice
    call.store.remove(invoice, stub)
    call.emit('invoice.deleted', invoice)
    return stub
  }),
  route('POST /v1/invoices/:id/finalize', { auto_advance: yesNo.optional() }, (call) => {
    const invoice = mustFind(call, 'invoice', call.id)
    return finalizeInvoice(call, {
      ...invoice,
      auto_advance: call.params.auto_advance ?? invoice.auto_advance ?? false,
    })
  }),
  route('POST /v1/invoices/:id/pay', payShape, (call) => {
    const { payment_method: methodId, paid_out_of_band: outOfBand } = call.params
    const invoice = mustFind(call, 'invoice', call.id)
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
  route('POST /v1/invoices/:id/void', {}, (call) => voidInvoice(call, mustFind(call, 'invoice', call.id))),
  route('POST /v1/invoices/:id/mark_uncollectible', {}, (call) =>
    writeOff(call, mustFind(call, 'invoice', call.id)),
  ),
  route('POST /v1/invoices/:id/send', {}, (call) => {
    const invoice = mustFind(call, 'invoice', call.id)
    if (invoice.collection_method !== 'send_invoice')
      throw invalidRequest(
        'You can only manually send an invoice if its collection method is set to `send_invoice`.',
      )
    const open = invoice.status === 'draft' ? finalizeInvoice(call, invoice) : invoice
    sendInvoice(call, open)
    return open
  }),
  route('GET /v1/invoices/:id/lines', pagination, (call) => {
    const invoice = mustFind(call, 'invoice', call.id)
    return pageOf(invoice.lines.data, `/v1/invoices/${call.id}/lines`, call.params)
  }),
  route(
    'GET /v1/invoice_payments',
    { ...pagination, invoice: text.optional(), status: text.optional() },
    (call) => {
      const { invoice, status } = call.params
      return listPage(call, 'invoice_payment', '/v1/invoice_payments', call.params, {
        equal: { invoice, status },
      })
    },
  ),
  route('GET /v1/invoice_payments/:id', {}, (call) => mustFind(call, 'invoice_payment', call.id)),
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
