import type { Reader, Row } from '../db/tables.ts'

type InvoiceRow = Pick<Row<'billing_invoices'>, 'invoice_id' | 'customer_id' | 'status'>

const wanted = 'invoice.payment_action_required'
const failed = 'invoice.payment_failed'

/** Of these invoices the open ones whose last attempt waits for the customer at the bank (3-D Secure): Stripe's events say so, the invoice does not. */
export async function wantingAuthentication(
  reader: Reader,
  invoices: readonly InvoiceRow[],
): Promise<Set<string>> {
  const open = invoices.filter(({ status }) => status === 'open')
  if (open.length === 0) return new Set()
  const events = await reader
    .selectFrom('stripe_events')
    .select(['object_id', 'type'])
    .where('customer_id', 'in', [...new Set(open.map(({ customer_id }) => customer_id))])
    .where('type', 'in', [wanted, failed])
    .orderBy('created_at')
    // Of one second and one attempt: that it has failed is not the whole story then.
    .orderBy('type', 'desc')
    .execute()
  const last = new Map(events.map(({ object_id, type }) => [object_id, type]))
  return new Set(
    open.map(({ invoice_id }) => invoice_id).filter((invoiceId) => last.get(invoiceId) === wanted),
  )
}
