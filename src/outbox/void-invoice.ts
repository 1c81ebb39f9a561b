import { isDue } from '../../machines/invoice.ts'
import { type AppContext, requireStripe } from '../context.ts'
import type { By } from '../log/by.ts'
import { operate } from './operate.ts'

/**
 * Nobody owes the invoice any more: it is voided at Stripe, unless it is over already.
 * @throws AppError as `operate`
 */
export async function voidInvoice(
  context: AppContext,
  by: By,
  { tenantId, invoiceId }: { tenantId: string; invoiceId: string },
): Promise<void> {
  requireStripe(context)
  await operate(context, {
    tenantId,
    operation: 'void_invoice',
    by,
    clientKey: undefined,
    isSame: ({ targetId }) => targetId === invoiceId,
    prepare: async () => undefined,
    async decide({ trx }) {
      const invoice = await trx
        .selectFrom('billing_invoices')
        .select('status')
        .where('invoice_id', '=', invoiceId)
        .executeTakeFirst()
      return invoice !== undefined && isDue(invoice.status)
        ? { targetId: invoiceId, params: () => ({}) }
        : invoiceId
    },
  })
}
