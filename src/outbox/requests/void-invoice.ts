import { dueStatuses, isDue } from '../../../machines/invoice.ts'
import { type AppContext, requireStripe } from '../../context.ts'
import { AppError } from '../../errors.ts'
import type { By } from '../../log/by.ts'
import { ask, type Decision } from '../ask.ts'

type InvoiceToVoid = {
  tenantId: string
  invoiceId: string
  clientKey?: string | undefined
  reason?: string | undefined
}

/**
 * Nobody owes the invoice any more: it is voided at Stripe, unless it is over already.
 * @param order.mustBeDue one that is over is refused instead
 * @throws AppError as `ask`; conflict
 */
export async function voidInvoice(
  context: AppContext,
  by: By,
  { invoiceId, mustBeDue = false, ...of }: InvoiceToVoid & { mustBeDue?: boolean },
): Promise<void> {
  requireStripe(context)
  const order = { ...of, operation: 'void_invoice', by } as const
  await ask(
    context,
    { ...order, isSame: ({ targetId }) => targetId === invoiceId },
    async ({ trx }, { madeBefore }) => {
      const invoice = await trx
        .selectFrom('billing_invoices')
        .select('status')
        .where('invoice_id', '=', invoiceId)
        .executeTakeFirst()
      if (mustBeDue && madeBefore !== invoiceId) assertDue(invoice?.status ?? 'deleted')
      return decideVoid(invoiceId, invoice?.status)
    },
  )
}

/** @param status undefined: nobody has heard of it */
export const decideVoid = (invoiceId: string, status: string | undefined): Decision =>
  dueStatuses.some((due) => due === status)
    ? { call: 'void_invoice', targetId: invoiceId, params: () => ({}) }
    : { objectId: invoiceId }

function assertDue(status: string): void {
  if (!isDue(status))
    throw new AppError('conflict', `This invoice is over (${status}): there is nothing to void`, {
      details: { status },
    })
}
