import type { Turn } from '../effects/turn.ts'
import { AppError, NotFound } from '../errors.ts'
import { streams } from '../log/facts.ts'
import { lastPosition } from '../log/read.ts'
import { billTenant } from './bill.ts'
import { type Known, knownOf, type Line } from './known.ts'
import { isRefusedForGood } from './lines.ts'

/**
 * What our lines of a voided invoice asked for is due again, or of another one the difference to what was edited at Stripe. A line or
 * credit note that Stripe has refused for good is asked for once more.
 * @returns the cents that are due again; below zero they are a credit
 * @throws AppError conflict where there is nothing to bring back
 */
export async function rebillInvoice(
  turn: Turn,
  { tenantId, invoiceId, reason }: { tenantId: string; invoiceId: string; reason: string | null },
): Promise<number> {
  const known = await knownOf(turn.trx, tenantId)
  const invoice = known.invoices.find(({ invoice_id }) => invoice_id === invoiceId)
  if (invoice === undefined) throw new NotFound('invoice')
  const lines = known.lines.filter(
    ({ invoice_id, kind, refusal }) => invoice_id === invoiceId && kind !== 'credit_note' && refusal === null,
  )
  const rest = (line: (typeof lines)[number]) =>
    line.charged_cents - (invoice.status === 'void' ? 0 : line.item_cents)
  const refused = known.lines.filter((line) => line.invoice_id === invoiceId && isLastRefused(known, line))
  const cents =
    lines.reduce((sum, line) => sum + rest(line), 0) +
    refused.reduce((sum, { amount_cents }) => sum + amount_cents, 0)
  if (refused.length === 0 && lines.every((line) => rest(line) === 0))
    throw new AppError(
      'conflict',
      'Nothing of ours on this invoice can be brought back: it is neither voided nor edited nor was anything refused, or that was done',
    )
  await turn.record(streams.usage(tenantId), [
    {
      fact_id: `rebilled:${invoiceId}:${await lastPosition(turn.trx)}`,
      type: 'usage.rebilled',
      tenant_id: tenantId,
      data: { invoice_id: invoiceId, personal: { reason } },
    },
  ])
  await billTenant(turn, tenantId)
  return cents
}

/** Refused for good, and not asked for since; a credit may be split over the notes of several invoices. */
const isLastRefused = ({ lines }: Known, line: Line) =>
  isRefusedForGood(line) &&
  !lines.some(
    ({ window_id, usage_type, kind, invoice_id, position }) =>
      window_id === line.window_id &&
      usage_type === line.usage_type &&
      kind === line.kind &&
      (kind !== 'credit_note' || invoice_id === line.invoice_id) &&
      position > line.position,
  )
