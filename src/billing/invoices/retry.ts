import type { AppContext } from '../../context.ts'
import type { Caller } from '../../log/by.ts'
import { payInvoice } from '../../outbox/requests/pay-invoice.ts'
import { failureOf } from '../../stripe/failure.ts'
import { ownInvoice, showInvoice } from '../../views/invoices.ts'
import { type PayableInvoice, payable } from './payable.ts'

/**
 * Collects an open invoice now, whatever attempts are still to come. Where the bank wants to hear the customer, it stays open and
 * has a client secret.
 * @throws NotFound for another tenant's; AppError conflict for one that is not open, card_declined, payment_method_required
 */
export async function retryInvoice(
  context: AppContext,
  by: Caller,
  invoiceId: string,
  how: { reason?: string | undefined; clientKey?: string | undefined },
): Promise<PayableInvoice> {
  const { reader } = context.db
  const { tenant_id: tenantId } = await ownInvoice(reader, invoiceId, by)
  try {
    await payInvoice(context, by, { tenantId, invoiceId, ...how })
  } catch (error) {
    if (failureOf(error)?.code !== 'invoice_payment_intent_requires_action') throw error
    // The webhook that says so need not have come yet.
    const invoice = await showInvoice(reader, invoiceId, by)
    return payable(context, { ...invoice, needs_authentication: invoice.status === 'open' })
  }
  return payable(context, await showInvoice(reader, invoiceId, by))
}
