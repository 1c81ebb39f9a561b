import { z } from 'zod'
import { rebillInvoice } from '../../charges/rebill.ts'
import type { AppContext } from '../../context.ts'
import { cents } from '../../db/fields.ts'
import type { Caller } from '../../log/by.ts'
import { ownInvoice } from '../../views/invoices.ts'

export const Rebilling = z
  .object({
    invoice_id: z.string(),
    due_again_cents: cents.meta({ description: 'Below zero: a credit' }),
    currency: z.string(),
    message: z.string(),
  })
  .meta({ id: 'Rebilling' })
export type Rebilling = z.infer<typeof Rebilling>

/**
 * What our lines of a voided invoice asked for is due again, or of another one the difference to what was edited at Stripe. It goes on the
 * invoice of the next window end.
 * @throws NotFound for another tenant's; AppError conflict where there is nothing to bring back
 */
export async function rebillOwnInvoice(
  { transact }: Pick<AppContext, 'transact'>,
  by: Caller,
  invoiceId: string,
  { reason = null }: { reason?: string | null | undefined },
): Promise<Rebilling> {
  return transact(by, async (turn) => {
    const { tenant_id: tenantId, currency } = await ownInvoice(turn.trx, invoiceId, by)
    const due_again_cents = await rebillInvoice(turn, { tenantId, invoiceId, reason })
    return { invoice_id: invoiceId, due_again_cents, currency, message }
  })
}

const message =
  "Usage and platform base go on the invoice of the next window end. The plan's own line is not ours: it does not come back."
