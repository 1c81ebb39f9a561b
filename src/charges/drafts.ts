import type { Turn } from '../effects/turn.ts'
import { streams } from '../log/facts.ts'
import type { Known, Line, Window } from './known.ts'
import { isOver, subscriptionOf } from './subscription.ts'

/** Our items on the drafts of subscriptions that have ended. */
export function linesOnDrafts({ invoices, subscriptions, lines }: Known): Line[] {
  const drafts = invoices.filter(
    ({ status, subscription_id }) =>
      status === 'draft' &&
      subscriptions.some((each) => each.subscription_id === subscription_id && isOver(each)),
  )
  return lines.filter(
    ({ invoice_id, kind, item_cents }) =>
      kind === 'item' && item_cents !== 0 && drafts.some((draft) => draft.invoice_id === invoice_id),
  )
}

/** A subscription has ended while its renewal was a draft: our items are taken off that again, for the last invoice. */
export async function takeOffDrafts(turn: Turn, known: Known): Promise<void> {
  for (const { line_id } of linesOnDrafts(known))
    if (await isThere(turn, line_id))
      await turn.enqueue({
        effectId: `${line_id}:off`,
        tenantId: known.tenantId,
        stream: streams.usage(known.tenantId),
        kind: 'delete_invoice_item',
        params: { fact_id: line_id },
      })
}

/** One that is still being made is taken off once it is there. */
async function isThere(turn: Turn, lineId: string): Promise<boolean> {
  const item = await turn.trx
    .selectFrom('billing_invoice_items')
    .select('item_id')
    .where('made_under', '=', lineId)
    .executeTakeFirst()
  return item !== undefined
}

/** Asks Stripe for the invoice of a renewal that was not seen, once a minute. */
export async function askForDraft(turn: Turn, known: Known, window: Window): Promise<void> {
  const { customer_id: customerId } = subscriptionOf(known, window)
  await turn.enqueue({
    effectId: `list:${customerId}:${window.window_id}:${turn.now.slice(0, 16)}`,
    tenantId: known.tenantId,
    stream: streams.billing(known.tenantId),
    kind: 'list_customer',
    params: { customer_id: customerId, since: Math.floor(Date.parse(window.ends_at) / 1000) - 60 },
  })
}
