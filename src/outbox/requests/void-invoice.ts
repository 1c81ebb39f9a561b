import { dueStatuses } from '../../../machines/invoice.ts'
import { type AppContext, requireStripe } from '../../context.ts'
import type { By } from '../../log/by.ts'
import { ask, type Decision } from '../ask.ts'

/**
 * Nobody owes the invoice any more: it is voided at Stripe, unless it is over already.
 * @throws AppError as `ask`
 */
export async function voidInvoice(
  context: AppContext,
  by: By,
  { tenantId, invoiceId }: { tenantId: string; invoiceId: string },
): Promise<void> {
  requireStripe(context)
  const order = { tenantId, operation: 'void_invoice', by } as const
  await ask(context, { ...order, isSame: ({ targetId }) => targetId === invoiceId }, async ({ trx }) => {
    const invoice = await trx
      .selectFrom('billing_invoices')
      .select('status')
      .where('invoice_id', '=', invoiceId)
      .executeTakeFirst()
    return decideVoid(invoiceId, invoice?.status)
  })
}

/** @param status undefined: nobody has heard of it */
export const decideVoid = (invoiceId: string, status: string | undefined): Decision =>
  dueStatuses.some((due) => due === status)
    ? { call: 'void_invoice', targetId: invoiceId, params: () => ({}) }
    : { objectId: invoiceId }
