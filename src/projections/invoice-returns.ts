import type { Row, Trx } from '../db/tables.ts'
import type { Fact } from '../log/facts.ts'
import type { Sighting } from '../log/sighting.ts'
import { idOf, integerOf, memberOf, textOf } from './read-value.ts'

type Returns = Pick<
  Row<'billing_invoices'>,
  'refunded_cents' | 'disputed_cents' | 'dispute_status' | 'dispute_lifted_at' | 'returns_as_of'
>

export const noReturns: Returns = {
  refunded_cents: 0,
  disputed_cents: 0,
  dispute_status: null,
  dispute_lifted_at: null,
  returns_as_of: null,
}

/** What Stripe's invoice does not tell: that stays as its payment has told it. */
export function returnsOf(row: Returns | undefined): Returns {
  if (row === undefined) return noReturns
  const { refunded_cents, disputed_cents, dispute_status, dispute_lifted_at, returns_as_of } = row
  return { refunded_cents, disputed_cents, dispute_status, dispute_lifted_at, returns_as_of }
}

/**
 * What was given back of an invoice's payment: by refunds, with a credit note or without, and by disputes, while the bank has the
 * money and when it keeps it. The newest answer counts; the invoice is shown with it, and stands in the log before it.
 */
export async function showReturns(trx: Trx, sighting: Sighting<'invoice_payment'>): Promise<void> {
  const { object, asOf, isDeleted, tenantId, position } = sighting
  const invoiceId = idOf(object.invoice)
  if (isDeleted || invoiceId === null || tenantId === null) return
  const disputes = Array.isArray(object.disputes) ? object.disputes : []
  const statuses = disputes.map((dispute) => textOf(memberOf(dispute, 'status')))
  const charge = memberOf(memberOf(object.payment, 'payment_intent'), 'latest_charge')
  await trx
    .updateTable('billing_invoices')
    .set({
      refunded_cents: integerOf(memberOf(charge, 'amount_refunded')) ?? 0,
      disputed_cents: disputes
        .filter((dispute) => isWithdrawn(textOf(memberOf(dispute, 'status'))))
        .reduce((sum, dispute) => sum + (integerOf(memberOf(dispute, 'amount')) ?? 0), 0),
      // Stripe lists the newest first. One that is lost stays so, whatever the bank asks afterwards.
      dispute_status: statuses.includes('lost') ? 'lost' : (statuses[0] ?? null),
      returns_as_of: asOf,
      last_position: position,
    })
    .where('invoice_id', '=', invoiceId)
    .where((eb) => eb.or([eb('returns_as_of', 'is', null), eb('returns_as_of', '<=', asOf)]))
    .execute()
}

/** A question of the bank's takes no money; a dispute does until it is won. */
const isWithdrawn = (status: string | null) =>
  status !== null && status !== 'won' && status !== 'prevented' && !status.startsWith('warning_')

/** An operator has decided that the dispute which was lost suspends nobody any more. */
export async function liftDispute(
  trx: Trx,
  { data, occurred_at, position }: Fact<'access.dispute_lifted'>,
): Promise<void> {
  await trx
    .updateTable('billing_invoices')
    .set({ dispute_lifted_at: occurred_at, last_position: position })
    .where('invoice_id', '=', data.invoice_id)
    .execute()
}
