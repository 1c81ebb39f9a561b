import type { Turn } from '../effects/turn.ts'
import { AppError, NotFound } from '../errors.ts'
import { streams } from '../log/facts.ts'
import { billTenant } from './bill.ts'

/**
 * The tenant is let in again although the dispute of this invoice was lost. Again: nothing more.
 * @throws NotFound; AppError conflict where no dispute was lost
 */
export async function liftLostDispute(
  turn: Turn,
  { tenantId, invoiceId, reason }: { tenantId: string; invoiceId: string; reason: string | null },
): Promise<void> {
  const invoice = await turn.trx
    .selectFrom('billing_invoices')
    .select(['dispute_status', 'dispute_lifted_at'])
    .where('invoice_id', '=', invoiceId)
    .executeTakeFirst()
  if (invoice === undefined) throw new NotFound('invoice')
  if (invoice.dispute_status !== 'lost')
    throw new AppError('conflict', 'No dispute of this invoice was lost: there is nothing to lift', {
      details: { dispute_status: invoice.dispute_status },
    })
  if (invoice.dispute_lifted_at !== null) return
  await turn.record(streams.billing(tenantId), [
    {
      fact_id: `dispute_lifted:${invoiceId}`,
      type: 'access.dispute_lifted',
      tenant_id: tenantId,
      data: { invoice_id: invoiceId, personal: { reason } },
    },
  ])
  await billTenant(turn, tenantId)
}
