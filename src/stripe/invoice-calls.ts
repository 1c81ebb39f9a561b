import Stripe from 'stripe'
import { isSettled } from '../../machines/invoice.ts'
import { type Call, type CallParams, firstOf } from './call.ts'

export type InvoiceCallParams = {
  create_invoice: Stripe.InvoiceCreateParams
  create_invoice_item: Stripe.InvoiceItemCreateParams
  delete_invoice_item: CallParams
  update_invoice: Stripe.InvoiceUpdateParams
  finalize_invoice: CallParams
  pay_invoice: Stripe.InvoicePayParams
  send_invoice: CallParams
  void_invoice: CallParams
  delete_invoice: CallParams
  create_credit_note: Stripe.CreditNoteCreateParams & CallParams
}

/** What was done to an invoice before, by an earlier attempt or by somebody at Stripe, is not refused: it is shown as it is. */
export const invoiceCalls: { [Name in keyof InvoiceCallParams]: Call<InvoiceCallParams[Name]> } = {
  /** An invoice of our own: what is pending goes on others, and it does nothing by itself. */
  create_invoice: {
    objectType: 'invoice',
    isCreate: true,
    run: (stripe, _target, params, options) =>
      stripe.invoices.create(
        { ...params, auto_advance: false, pending_invoice_items_behavior: 'exclude' },
        options,
      ),
    find: (stripe, params, key) =>
      firstOf(stripe.invoices.list({ customer: String(params.customer), limit: 100 }), key),
  },
  create_invoice_item: {
    objectType: 'invoiceitem',
    isCreate: true,
    run: (stripe, _target, params, options) => stripe.invoiceItems.create(params, options),
    find: (stripe, params, key) =>
      firstOf(stripe.invoiceItems.list({ invoice: String(params.invoice), limit: 100 }), key),
  },
  delete_invoice_item: {
    objectType: 'invoiceitem',
    isCreate: false,
    run: (stripe, target, _params, options) => stripe.invoiceItems.del(target, {}, options),
  },
  update_invoice: {
    objectType: 'invoice',
    isCreate: false,
    run: (stripe, target, params, options) =>
      unlessDone(stripe, target, isSettled, () => stripe.invoices.update(target, params, options)),
  },
  /** Of nothing, or of less than can be charged, it is paid by that. */
  finalize_invoice: {
    objectType: 'invoice',
    isCreate: false,
    run: (stripe, target, _params, options) =>
      unlessDone(
        stripe,
        target,
        (status) => status !== 'draft',
        () => stripe.invoices.finalizeInvoice(target, { auto_advance: false }, options),
      ),
  },
  /** Without a payment method in `params`, by the invoice's own, else the customer's. */
  pay_invoice: {
    objectType: 'invoice',
    isCreate: false,
    run: (stripe, target, params, options) =>
      unlessDone(stripe, target, isSettled, () => stripe.invoices.pay(target, params, options)),
  },
  send_invoice: {
    objectType: 'invoice',
    isCreate: false,
    run: (stripe, target, _params, options) =>
      unlessDone(stripe, target, isSettled, () => stripe.invoices.sendInvoice(target, {}, options)),
  },
  void_invoice: {
    objectType: 'invoice',
    isCreate: false,
    run: voidInvoice,
  },
  /** Only a draft that is of no subscription, and what is on it with it. */
  delete_invoice: {
    objectType: 'invoice',
    isCreate: false,
    run: (stripe, target, _params, options) => stripe.invoices.del(target, {}, options),
  },
  create_credit_note: {
    objectType: 'credit_note',
    isCreate: true,
    run: (stripe, _target, params, options) => stripe.creditNotes.create(params, options),
    find: (stripe, { invoice }, key) => firstOf(stripe.creditNotes.list({ invoice, limit: 100 }), key),
  },
}

async function unlessDone(
  stripe: Stripe,
  id: string,
  isDone: (status: string) => boolean,
  act: () => Promise<Stripe.Invoice>,
): Promise<Stripe.Invoice> {
  try {
    return await act()
  } catch (error) {
    if (!(error instanceof Stripe.errors.StripeInvalidRequestError)) throw error
    const invoice = await stripe.invoices.retrieve(id)
    if (isDone(String(invoice.status))) return invoice
    throw error
  }
}

/** A draft is made final first, since Stripe voids none. One of nothing is paid by that; what is over stays as it is. */
async function voidInvoice(
  stripe: Stripe,
  id: string,
  _params: CallParams,
  { idempotencyKey }: Stripe.RequestOptions,
): Promise<Stripe.Invoice> {
  let invoice = await stripe.invoices.retrieve(id)
  if (invoice.status === 'draft')
    invoice = await stripe.invoices.finalizeInvoice(
      id,
      { auto_advance: false },
      { idempotencyKey: `${idempotencyKey}:finalize` },
    )
  if (isSettled(String(invoice.status))) return invoice
  return stripe.invoices.voidInvoice(id, {}, idempotencyKey === undefined ? {} : { idempotencyKey })
}
