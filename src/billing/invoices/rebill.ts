import { z } from 'zod'
import { knownOf } from '../../charges/known.ts'
import { rebillInvoice } from '../../charges/rebill.ts'
import { isOver, subscriptionOf } from '../../charges/subscription.ts'
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
 * invoice of the next window end, or after the subscription's end on one of its own.
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
    const known = await knownOf(turn.trx, tenantId)
    const line = known.lines.find((each) => each.invoice_id === invoiceId)
    const isLast = line !== undefined && isOver(subscriptionOf(known, line))
    return { invoice_id: invoiceId, due_again_cents, currency, message: messageOf(isLast, due_again_cents) }
  })
}

function messageOf(isLast: boolean, cents: number): string {
  const where = !isLast
    ? 'Usage and platform base go on the invoice of the next window end'
    : cents < 0
      ? 'The subscription has ended: what is too much comes back by a credit note, an hour from now'
      : 'The subscription has ended: usage and platform base go on an invoice of their own, an hour from now'
  return `${where}. The plan's own line is not ours: it does not come back.`
}
