import type { NewEffect } from '../effects/effects.ts'
import type { Turn } from '../effects/turn.ts'
import { streams } from '../log/facts.ts'
import { chargeKey } from './keys.ts'
import type { Known, Subscription } from './known.ts'
import type { Difference } from './lines.ts'
import { lineText } from './words.ts'

/** Where a line goes: an invoice that is there, or one of ours that is yet to be made, by its key. */
export type Target = { invoiceId: string } | { invoiceKey: string }

/** Records that an invoice of our own is asked for, and asks for it. */
export async function askInvoice(
  turn: Turn,
  known: Known,
  subscription: Subscription,
  invoiceKey: string,
): Promise<void> {
  const { subscription_id, customer_id, collection_method, days_until_due } = subscription
  const isSent = collection_method === 'send_invoice'
  const stream = streams.usage(known.tenantId)
  await turn.record(stream, [
    {
      fact_id: invoiceKey,
      type: 'usage.invoice_asked',
      tenant_id: known.tenantId,
      data: {
        invoice_key: invoiceKey,
        subscription_id,
        customer_id,
        currency: subscription.currency ?? '',
        collection_method: isSent ? 'send_invoice' : 'charge_automatically',
        days_until_due: isSent ? (days_until_due ?? 30) : null,
        default_payment_method: isSent ? null : subscription.default_payment_method_id,
      },
    },
  ])
  await turn.enqueue({
    effectId: invoiceKey,
    tenantId: known.tenantId,
    stream,
    kind: 'create_invoice',
    params: { fact_id: invoiceKey },
  })
}

/** Records that a line is asked for. What goes on an invoice of our own is put there when that is made. */
export async function askLine(
  turn: Turn,
  { tenantId }: Pick<Known, 'tenantId'>,
  subscription: Subscription,
  { due, cents }: Difference,
  of: { kind: 'item' | 'credit_note'; target: Target; upto_position: number },
): Promise<void> {
  const { kind, target, upto_position } = of
  const { subscription_id, customer_id, currency } = subscription
  // Notes for one window and type may go on several invoices.
  const place = kind === 'credit_note' && 'invoiceId' in target ? [target.invoiceId] : []
  const line_id = chargeKey(
    tenantId,
    ...['line', due.window.window_id, due.type, String(upto_position), kind],
    ...place,
  )
  const stream = streams.usage(tenantId)
  await turn.record(stream, [
    {
      fact_id: line_id,
      type: 'usage.line_asked',
      tenant_id: tenantId,
      data: {
        line_id,
        subscription_id,
        window_start: due.window.starts_at,
        usage_type: due.type,
        kind,
        invoice_id: 'invoiceId' in target ? target.invoiceId : null,
        invoice_key: 'invoiceKey' in target ? target.invoiceKey : null,
        customer_id,
        currency: currency ?? '',
        quantity: String(due.quantity),
        amount_cents: Number(cents),
        upto_position,
        description: lineText(due, cents),
        personal: { reason: null },
      },
    },
  ])
  if ('invoiceId' in target) await turn.enqueue(lineEffect(tenantId, line_id, kind))
}

/** The call that puts a line where it belongs, under the line's id. */
export const lineEffect = (tenantId: string, lineId: string, kind: 'item' | 'credit_note'): NewEffect => ({
  effectId: lineId,
  tenantId,
  stream: streams.usage(tenantId),
  kind: kind === 'item' ? 'create_invoice_item' : 'create_credit_note',
  params: { fact_id: lineId },
})
