import { z } from 'zod'
import { isDue } from '../../machines/invoice.ts'
import { cents, pickFields, timeOut } from '../db/fields.ts'
import type { Reader, Row } from '../db/tables.ts'
import { usageTypes } from '../db/usage-types.ts'
import { NotFound } from '../errors.ts'
import type { Caller } from '../log/by.ts'
import { wantingAuthentication } from './authentication.ts'

type InvoiceRow = Row<'billing_invoices'>

/** What we have asked for on an invoice: the difference of due and charged of one month and type. */
const InvoiceLine = z
  .object({
    line_id: z.string(),
    usage_type: z.enum(usageTypes),
    window_start: timeOut.meta({ description: 'The service month that it is for' }),
    window_end: timeOut,
    quantity: z.int().meta({ description: 'Of the whole month, as it was counted for this line' }),
    amount_cents: cents.meta({ description: 'As it was asked for; below zero: a credit' }),
    charged_cents: cents.meta({ description: 'What of it stands: 0 once refused, taken off or rebilled' }),
    kind: z.enum(['item', 'first', 'credit_note']).meta({
      description: '`first`: with the call that made the subscription',
    }),
    refusal: z
      .string()
      .nullable()
      .meta({ description: "Stripe's code, `taken_off`, or `rebilled`: it is not on it" }),
    upto_position: z.int().meta({ description: 'How far in the log it had counted' }),
  })
  .meta({ id: 'InvoiceLine' })

/** The total is what is paid, outstanding, written off, forgiven, credited and taken from the balance, together. */
export const Invoice = z
  .object({
    invoice_id: z.string(),
    tenant_id: z.string(),
    customer_id: z.string(),
    subscription_id: z.string().nullable(),
    number: z.string().nullable(),
    status: z.string(),
    billing_reason: z.string().nullable(),
    currency: z.string(),
    total_cents: cents.meta({
      description: 'The sum of paid, outstanding, written off, forgiven, credited and balance',
    }),
    paid_cents: cents.meta({ description: '`amount_paid_cents` less what was credited after it' }),
    outstanding_cents: cents,
    written_off_cents: cents.meta({ description: 'Uncollectible' }),
    forgiven_cents: cents.meta({ description: 'Voided' }),
    credited_cents: cents.meta({ description: 'By credit notes' }),
    balance_cents: cents.meta({ description: "Taken from the customer's balance; below zero: put on it" }),
    refunded_cents: cents.meta({
      description: 'Of what was paid, given back by refunds, with a credit note or without. In no sum',
    }),
    disputed_cents: cents.meta({
      description: 'Of what was paid, what the bank has taken back for a dispute that is not won. In no sum',
    }),
    dispute_status: z
      .string()
      .nullable()
      .meta({ description: "Of the newest dispute, in Stripe's words; `lost` where any was lost" }),
    dispute_lifted_at: timeOut
      .nullable()
      .meta({ description: 'When it was decided that it suspends nobody' }),
    amount_due_cents: cents,
    amount_paid_cents: cents,
    amount_remaining_cents: cents,
    attempt_count: z.int(),
    payment_failed_at: timeOut.nullable(),
    needs_authentication: z.boolean().meta({
      description: 'The last attempt waits for the customer at the bank (3-D Secure)',
    }),
    period_start: timeOut.nullable(),
    period_end: timeOut.nullable(),
    due_at: timeOut.nullable(),
    paid_at: timeOut.nullable(),
    hosted_invoice_url: z.string().nullable(),
    created_at: timeOut,
    lines: z.array(InvoiceLine).meta({ description: 'Ours: usage and platform base. The plan is not in it' }),
  })
  .meta({ id: 'Invoice' })
export type Invoice = z.infer<typeof Invoice>

/** As the caller may see it: another tenant's invoice does not exist. @throws NotFound */
export async function ownInvoice(
  reader: Reader,
  invoiceId: string,
  { tenantId }: Pick<Caller, 'tenantId'>,
): Promise<InvoiceRow> {
  const row = await reader
    .selectFrom('billing_invoices')
    .selectAll()
    .where('invoice_id', '=', invoiceId)
    .executeTakeFirst()
  if (row === undefined || (tenantId !== null && row.tenant_id !== tenantId)) throw new NotFound('invoice')
  return row
}

/** @throws NotFound */
export async function showInvoice(
  reader: Reader,
  invoiceId: string,
  caller: Pick<Caller, 'tenantId'>,
): Promise<Invoice> {
  const [invoice] = await shownInvoices(reader, [await ownInvoice(reader, invoiceId, caller)])
  if (invoice === undefined) throw new NotFound('invoice')
  return invoice
}

/** With our lines of each. */
export async function shownInvoices(reader: Reader, rows: readonly InvoiceRow[]): Promise<Invoice[]> {
  const lines = await linesOn(
    reader,
    rows.map(({ invoice_id }) => invoice_id),
  )
  const waiting = await wantingAuthentication(reader, rows)
  return rows.map((row) => ({
    ...pickFields(Invoice, row),
    needs_authentication: waiting.has(row.invoice_id),
    ...partsOf(row),
    lines: lines
      .filter(({ invoice_id }) => invoice_id === row.invoice_id)
      .map(({ invoice_id: _, quantity, ...line }) => ({ ...line, quantity: Number(quantity) })),
  }))
}

async function linesOn(reader: Reader, invoiceIds: string[]) {
  if (invoiceIds.length === 0) return []
  const lines = await reader
    .selectFrom('billing_usage_lines as l')
    .innerJoin('billing_windows as w', 'w.window_id', 'l.window_id')
    .select(['l.invoice_id', 'l.line_id', 'l.usage_type', 'w.starts_at as window_start'])
    .select(['w.ends_at as window_end', 'l.quantity', 'l.amount_cents', 'l.charged_cents', 'l.kind'])
    .select(['l.refusal', 'l.upto_position'])
    .$narrowType<{ usage_type: (typeof usageTypes)[number]; kind: 'item' | 'first' | 'credit_note' }>()
    .where('l.invoice_id', 'in', invoiceIds)
    .where('l.kind', '!=', 'forgiven')
    .orderBy('l.position')
    .execute()
  return lines
}

function partsOf(row: InvoiceRow) {
  const { status, total_cents, amount_paid_cents, credited_cents, balance_cents } = row
  const settled = total_cents - credited_cents - balance_cents
  const paid_cents = status === 'paid' ? settled : amount_paid_cents
  const rest = settled - paid_cents
  return {
    paid_cents,
    outstanding_cents: isDue(status) ? rest : 0,
    written_off_cents: status === 'uncollectible' ? rest : 0,
    forgiven_cents: status === 'void' ? rest : 0,
  }
}
