import type { AppContext } from '../../context.ts'
import type { Caller } from '../../log/by.ts'
import { payInvoice } from '../../outbox/requests/pay-invoice.ts'
import { type Invoice, ownInvoice, showInvoice } from '../../views/invoices.ts'

/**
 * Collects an open invoice now, whatever attempts are still to come.
 * @throws NotFound for another tenant's; AppError conflict for one that is not open, card_declined, payment_method_required
 */
export async function retryInvoice(
  context: AppContext,
  by: Caller,
  invoiceId: string,
  how: { reason?: string | undefined; clientKey?: string | undefined },
): Promise<Invoice> {
  const { reader } = context.db
  const { tenant_id: tenantId } = await ownInvoice(reader, invoiceId, by)
  await payInvoice(context, by, { tenantId, invoiceId, ...how })
  return showInvoice(reader, invoiceId, by)
}
