import { liftLostDispute } from '../charges/lift-dispute.ts'
import type { AppContext } from '../context.ts'
import type { Caller } from '../log/by.ts'
import { type Invoice, ownInvoice, showInvoice } from '../views/invoices.ts'

/**
 * An operator's decision: a dispute that was lost suspends its tenant no more.
 * @throws NotFound; AppError conflict where no dispute of the invoice was lost
 */
export async function liftDispute(
  { transact, db }: Pick<AppContext, 'transact' | 'db'>,
  by: Caller,
  invoiceId: string,
  { reason = null }: { reason?: string | null | undefined },
): Promise<Invoice> {
  await transact(by, async (turn) => {
    const { tenant_id: tenantId } = await ownInvoice(turn.trx, invoiceId, by)
    await liftLostDispute(turn, { tenantId, invoiceId, reason })
  })
  return showInvoice(db.reader, invoiceId, by)
}
