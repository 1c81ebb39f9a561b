import type Stripe from 'stripe'
import { roundHalfUp, wireDecimal } from '../catalogue/price.ts'
import { invalidRequest, missing } from '../objects/errors.ts'
import { newId } from '../objects/ids.ts'

export type CreditLineInput = {
  type: 'custom_line_item' | 'invoice_line_item'
  amount?: number | undefined
  description?: string | undefined
  invoice_line_item?: string | undefined
  metadata?: Record<string, string> | null | undefined
  quantity?: number | undefined
  unit_amount?: number | undefined
  unit_amount_decimal?: number | undefined
}

/** A line of a credit note: some of an invoice's line, with its share of the discounts, or an amount of its own. */
export function creditLine(invoice: Stripe.Invoice, input: CreditLineInput): Stripe.CreditNoteLineItem {
  return input.type === 'custom_line_item' ? customLine(input) : invoiceLine(invoice, input)
}

function customLine(input: CreditLineInput): Stripe.CreditNoteLineItem {
  const { quantity = 1, unit_amount: whole, unit_amount_decimal: exact = whole } = input
  if (input.invoice_line_item !== undefined)
    throw invalidRequest('A custom line item has no `invoice_line_item`.', { param: 'lines' })
  const unit = exact ?? input.amount
  if (unit === undefined) throw missing('lines[unit_amount]')
  return blankLine(input, {
    amount: roundHalfUp(unit * quantity),
    description: input.description ?? null,
    quantity,
    unit,
  })
}

function invoiceLine(invoice: Stripe.Invoice, input: CreditLineInput): Stripe.CreditNoteLineItem {
  const { invoice_line_item: id, quantity } = input
  if (id === undefined) throw missing('lines[invoice_line_item]')
  const line = invoice.lines.data.find((each) => each.id === id)
  if (!line)
    throw invalidRequest(`The invoice ${invoice.id} has no line item ${id}.`, {
      code: 'resource_missing',
      param: 'lines',
    })
  const lineQuantity = line.quantity ?? 1
  const amount = input.amount ?? roundHalfUp((line.amount * (quantity ?? lineQuantity)) / lineQuantity)
  if (amount > line.amount || (quantity ?? 0) > lineQuantity)
    throw invalidRequest('You cannot credit more of a line item than there is on the invoice.', {
      param: 'lines',
    })
  return blankLine(input, {
    amount,
    description: input.description ?? line.description,
    quantity: input.amount === undefined ? (quantity ?? line.quantity) : null,
    unit: input.amount === undefined ? line.amount / lineQuantity : null,
    invoice_line_item: id,
    discount_amounts: (line.discount_amounts ?? []).map((each) => ({
      ...each,
      amount: line.amount === 0 ? 0 : roundHalfUp((each.amount * amount) / line.amount),
    })),
  })
}

function blankLine(
  input: CreditLineInput,
  line: Pick<Stripe.CreditNoteLineItem, 'amount' | 'description' | 'quantity'> &
    Partial<Pick<Stripe.CreditNoteLineItem, 'invoice_line_item' | 'discount_amounts'>> & {
      unit: number | null
    },
): Stripe.CreditNoteLineItem {
  const { unit, discount_amounts: discounts = [], ...own } = line
  return {
    ...own,
    id: newId('cnli'),
    object: 'credit_note_line_item',
    discount_amount: discounts.reduce((sum, { amount }) => sum + amount, 0),
    discount_amounts: discounts,
    livemode: false,
    metadata: input.metadata ?? {},
    pretax_credit_amounts: [],
    tax_rates: [],
    taxes: [],
    type: input.type,
    unit_amount: Number.isInteger(unit) ? unit : null,
    unit_amount_decimal: unit === null ? null : wireDecimal(unit),
  }
}
