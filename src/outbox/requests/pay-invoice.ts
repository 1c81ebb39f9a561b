import { type AppContext, requireStripe } from '../../context.ts'
import { cardFor } from '../../effects/invoice-card.ts'
import { AppError } from '../../errors.ts'
import type { By } from '../../log/by.ts'
import { failureOf } from '../../stripe/failure.ts'
import { ask, type Decision } from '../ask.ts'

/**
 * Collects an invoice now, by its own payment method or else the subscription's or the customer's; one of ours by the subscription's.
 * @throws AppError as `ask`; conflict where nothing is to be collected; card_declined; payment_method_required
 */
export async function payInvoice(
  context: AppContext,
  by: By,
  of: { tenantId: string; invoiceId: string; clientKey?: string | undefined; reason?: string | undefined },
): Promise<void> {
  requireStripe(context)
  const { invoiceId, ...order } = of
  try {
    await ask(
      context,
      { ...order, operation: 'pay_invoice', by, isSame: ({ targetId }) => targetId === invoiceId },
      async ({ trx }, { madeBefore }) => {
        if (madeBefore === invoiceId) return { objectId: invoiceId }
        const invoice = await trx
          .selectFrom('billing_invoices')
          .select(['status', 'made_under'])
          .where('invoice_id', '=', invoiceId)
          .executeTakeFirst()
        const card = invoice?.made_under == null ? undefined : await cardFor(trx, invoice.made_under)
        return decidePay(invoiceId, invoice?.status ?? 'deleted', card)
      },
    )
  } catch (error) {
    throw payRefusal(error)
  }
}

/** What was written off may be paid all the same. @throws AppError conflict */
export function decidePay(invoiceId: string, status: string, card?: string): Decision {
  if (status === 'open' || status === 'uncollectible') {
    const params = card === undefined ? {} : { payment_method: card }
    return { call: 'pay_invoice', targetId: invoiceId, params: () => params }
  }
  throw new AppError('conflict', `Only an open invoice can be collected; this one is ${status}`, {
    details: { status },
  })
}

/** "There is no `default_payment_method` set on this Customer or Invoice": Stripe names no parameter there. */
function payRefusal(error: unknown): unknown {
  if (!(error instanceof AppError) || failureOf(error)?.code !== 'resource_missing') return error
  return new AppError('payment_method_required', 'The customer has no payment method to pay with', {
    details: error.details,
    cause: error,
  })
}
