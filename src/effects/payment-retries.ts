import type { Trx } from '../db/tables.ts'
import { settle } from './effects.ts'
import { effectKinds } from './kinds.ts'
import type { Turn } from './turn.ts'

/** From now on an invoice of ours is tried again with its own payment method, whatever it was tried with before. */
export async function retryWithOwnCard(trx: Trx, tenantId: string, invoiceKey: string): Promise<void> {
  const params = JSON.stringify(effectKinds.pay_invoice.parse({ fact_id: invoiceKey }))
  for (const effectId of await retriesOf(trx, tenantId, invoiceKey))
    await trx.updateTable('effects').set({ params }).where('effect_id', '=', effectId).execute()
}

/** An invoice of ours that nobody has to pay any more is not tried again. */
export async function dropRetries(turn: Turn, tenantId: string, invoiceKey: string): Promise<void> {
  for (const effectId of await retriesOf(turn.trx, tenantId, invoiceKey))
    await settle(turn.trx, effectId, 'done', turn.now)
}

/** Attempts to pay it that are still to come. One that was begun may have paid: it keeps its parameters, and its key. */
async function retriesOf(trx: Trx, tenantId: string, invoiceKey: string): Promise<string[]> {
  const rows = await trx
    .selectFrom('effects')
    .select(['effect_id', 'params'])
    .where('tenant_id', '=', tenantId)
    .where('status', '=', 'pending')
    .where('kind', '=', 'pay_invoice')
    .where('attempts', '=', 0)
    .execute()
  return rows
    .filter(({ params }) => effectKinds.pay_invoice.parse(JSON.parse(params)).fact_id === invoiceKey)
    .map(({ effect_id }) => effect_id)
}
