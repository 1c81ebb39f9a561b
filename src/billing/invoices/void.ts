import type { AppContext } from '../../context.ts'
import type { Caller } from '../../log/by.ts'
import { voidInvoice } from '../../outbox/requests/void-invoice.ts'
import { type Invoice, ownInvoice, showInvoice } from '../../views/invoices.ts'

/**
 * Voids an invoice that is not paid: what it asked for is forgiven. Our lines of it are due again only by `rebill`.
 * @throws NotFound for another tenant's; AppError conflict for one that is over
 */
export async function voidOwnInvoice(
  context: AppContext,
  by: Caller,
  invoiceId: string,
  how: { reason?: string | undefined; clientKey?: string | undefined },
): Promise<Invoice> {
  const { reader } = context.db
  const { tenant_id: tenantId } = await ownInvoice(reader, invoiceId, by)
  await voidInvoice(context, by, { tenantId, invoiceId, ...how, mustBeDue: true })
  return showInvoice(reader, invoiceId, by)
}
