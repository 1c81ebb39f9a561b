import type Stripe from 'stripe'
import { nulls } from '../objects/blank.ts'
import { idOf, newId } from '../objects/ids.ts'
import type { Turn } from '../objects/turn.ts'
import { applyDiscounts, invoiceItemOf, type Line } from './invoice-line.ts'

export type DraftInput = {
  customer: Stripe.Customer
  currency: string
  reason: 'manual' | 'subscription_create' | 'subscription_cycle' | 'subscription_update'
  lines: Line[]
  discounts: Stripe.Discount[]
  period: { start: number; end: number }
  subscription?: Stripe.Subscription
  collectionMethod?: 'charge_automatically' | 'send_invoice' | undefined
  /** Unix seconds. */
  dueDate?: number | undefined
  autoAdvance?: boolean | undefined
  description?: string | undefined
  footer?: string | undefined
  metadata?: Stripe.Metadata | undefined
  defaultPaymentMethod?: string | undefined
}

const none = nulls<Stripe.Invoice>()

/** A new draft, which nobody has been told of yet. The items on it are pending no more. */
export function makeDraft(turn: Turn, input: DraftInput): Stripe.Invoice {
  const { customer, subscription, reason } = input
  const id = newId('in')
  const invoice = turn.store.save(
    withTotals(turn, {
      id,
      object: 'invoice',
      ...none('account_tax_ids application automatically_finalizes_at custom_fields customer_account'),
      ...none('default_source effective_at ending_balance from_invoice hosted_invoice_url invoice_pdf'),
      ...none('last_finalization_error latest_revision next_payment_attempt number on_behalf_of'),
      ...none('receipt_number rendering shipping_cost shipping_details statement_descriptor'),
      ...none('webhooks_delivered_at'),
      account_country: 'US',
      account_name: 'Stripe sandbox',
      amount_due: 0,
      amount_overpaid: 0,
      amount_paid: 0,
      amount_remaining: 0,
      amount_shipping: 0,
      attempt_count: 0,
      attempted: false,
      auto_advance: input.autoAdvance ?? false,
      automatic_tax: { disabled_reason: null, enabled: false, liability: null, provider: null, status: null },
      billing_reason: reason,
      collection_method: input.collectionMethod ?? 'charge_automatically',
      created: turn.now,
      currency: input.currency,
      customer: customer.id,
      customer_address: customer.address ?? null,
      customer_email: customer.email,
      customer_name: customer.name ?? null,
      customer_phone: customer.phone ?? null,
      customer_shipping: customer.shipping,
      customer_tax_exempt: customer.tax_exempt ?? 'none',
      customer_tax_ids: [],
      default_payment_method: input.defaultPaymentMethod ?? null,
      default_tax_rates: [],
      description: input.description ?? null,
      discounts: input.discounts.map((discount) => discount.id),
      due_date: input.dueDate ?? null,
      footer: input.footer ?? null,
      issuer: { type: 'self' },
      lines: { object: 'list', data: input.lines, has_more: false, url: `/v1/invoices/${id}/lines` },
      livemode: false,
      metadata: input.metadata ?? {},
      parent: subscription
        ? {
            type: 'subscription_details',
            quote_details: null,
            subscription_details: { metadata: subscription.metadata, subscription: subscription.id },
          }
        : null,
      payment_settings: { default_mandate: null, payment_method_options: null, payment_method_types: null },
      period_end: input.period.end,
      period_start: input.period.start,
      post_payment_credit_notes_amount: 0,
      pre_payment_credit_notes_amount: 0,
      starting_balance: 0,
      status: 'draft',
      status_transitions: {
        finalized_at: null,
        marked_uncollectible_at: null,
        paid_at: null,
        voided_at: null,
      },
      subtotal: 0,
      subtotal_excluding_tax: 0,
      test_clock: idOf(customer.test_clock),
      total: 0,
      total_discount_amounts: [],
      total_excluding_tax: 0,
      total_pretax_credit_amounts: [],
      total_taxes: [],
    }),
  )
  for (const line of invoice.lines.data) {
    const item = turn.store.find('invoiceitem', invoiceItemOf(line) ?? '')
    if (item) turn.store.save({ ...item, invoice: invoice.id })
  }
  return invoice
}

/** The invoice with its lines' discounts and its sums as they follow from the lines. */
export function withTotals(turn: Turn, invoice: Stripe.Invoice): Stripe.Invoice {
  const discounts = invoice.discounts.flatMap((each) => turn.store.find('discount', idOf(each)) ?? [])
  const data = applyDiscounts(turn, invoice.lines.data, discounts).map((line) => ({
    ...line,
    invoice: invoice.id,
  }))
  const subtotal = data.reduce((sum, line) => sum + line.amount, 0)
  const totals = discounts.map((discount) => ({
    amount: data
      .flatMap((line) => line.discount_amounts ?? [])
      .reduce((sum, each) => sum + (each.discount === discount.id ? each.amount : 0), 0),
    discount: discount.id,
  }))
  const total = totals.reduce((rest, { amount }) => rest - amount, subtotal)
  const due = Math.max(0, total)
  return {
    ...invoice,
    lines: { ...invoice.lines, data },
    subtotal,
    subtotal_excluding_tax: subtotal,
    total,
    total_excluding_tax: total,
    total_discount_amounts: totals,
    amount_due: due,
    amount_remaining: due,
  }
}

/** Pending invoice items that go on the customer's next invoice: of this subscription, or of none. */
export function pendingItems(turn: Turn, customerId: string, subscriptionId?: string): Stripe.InvoiceItem[] {
  return turn.store.all('invoiceitem', { customer: customerId, invoice: null }).filter((item) => {
    const of = item.parent?.subscription_details?.subscription
    return of === undefined || of === subscriptionId
  })
}
