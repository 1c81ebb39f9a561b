import type { Trx } from '../db/tables.ts'
import { streams } from '../log/facts.ts'
import { settle } from './effects.ts'
import { cardFor } from './invoice-card.ts'
import { effectKinds } from './kinds.ts'
import type { Turn } from './turn.ts'

/** The end of the key of an attempt that is made once more, without the card that is not there. */
export const withoutCard = ':default'

/** From now on invoices of ours are tried again with the card that is theirs now, whatever they were tried with before. */
export async function renewCards(trx: Trx, tenantId: string): Promise<void> {
  for (const { effectId, invoiceKey } of await retriesOf(trx, tenantId)) {
    if (effectId.endsWith(withoutCard)) continue
    const payment_method = await cardFor(trx, invoiceKey)
    const params = JSON.stringify(effectKinds.pay_invoice.parse({ fact_id: invoiceKey, payment_method }))
    await trx.updateTable('effects').set({ params }).where('effect_id', '=', effectId).execute()
  }
}

/** An invoice of ours that nobody has to pay any more is not tried again. */
export async function dropRetries(turn: Turn, tenantId: string, invoiceKey: string): Promise<void> {
  for (const { effectId, ...retry } of await retriesOf(turn.trx, tenantId))
    if (retry.invoiceKey === invoiceKey) await settle(turn.trx, effectId, 'done', turn.now)
}

/** Attempts to pay invoices of ours that are still to come. One that was begun may have paid: it keeps its parameters, and its key. */
async function retriesOf(trx: Trx, tenantId: string): Promise<{ effectId: string; invoiceKey: string }[]> {
  const rows = await trx
    .selectFrom('effects')
    .select(['effect_id', 'params'])
    .where('stream', '=', streams.usage(tenantId))
    .where('status', '=', 'pending')
    .where('kind', '=', 'pay_invoice')
    .where('attempts', '=', 0)
    .execute()
  return rows.map(({ effect_id, params }) => ({
    effectId: effect_id,
    invoiceKey: effectKinds.pay_invoice.parse(JSON.parse(params)).fact_id,
  }))
}
