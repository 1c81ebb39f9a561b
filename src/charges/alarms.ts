import { usableStatuses } from '../../machines/subscription.ts'
import type { Turn } from '../effects/turn.ts'
import type { CountedDue } from '../log/charge-facts.ts'
import type { FactData } from '../log/facts.ts'

/** Of a month whose dues were counted: what of it cannot become a line, until somebody does something about it. */
export function tellStuck(turn: Turn, tenantId: string, windowId: string, dues: readonly CountedDue[]): void {
  for (const { usage_type, due_cents, state } of dues) {
    const due = { tenant_id: tenantId, window_id: windowId, usage_type, due_cents }
    if (state === 'held') turn.log.error(due, 'a month owes more than one amount may be: it is held')
    if (state === 'unpriced')
      turn.log.error(due, 'a month is in another currency than the rates: it is unpriced')
  }
}

/** Of a subscription that Stripe shows: while the tenant has another one that lives, only one of them has months. */
export async function tellSecond(turn: Turn, tenantId: string): Promise<void> {
  const live = await turn.trx
    .selectFrom('billing_subscriptions')
    .select('subscription_id')
    .where('tenant_id', '=', tenantId)
    .where('ended_at', 'is', null)
    .where('status', 'in', usableStatuses)
    .execute()
  if (live.length < 2) return
  const subscription_ids = live.map(({ subscription_id }) => subscription_id)
  turn.log.error({ tenant_id: tenantId, subscription_ids }, 'a tenant has a second live subscription')
}

/** Of a line or credit note that Stripe has refused for good. @param isLast its subscription has ended */
export function tellRefused(
  turn: Turn,
  line: Pick<FactData<'usage.line_asked'>, 'line_id' | 'invoice_id' | 'invoice_key' | 'kind'>,
  { reason, isLast }: { reason: string; isLast: boolean },
): void {
  const { line_id, invoice_id, kind, invoice_key } = line
  const waits = isLast && (kind === 'credit_note' || invoice_key !== null)
  turn.log.error(
    { line_id, invoice_id, reason },
    waits
      ? 'a line is not on its invoice; it waits for what is due to change, or for `rebill`'
      : 'a line is not on its invoice; it goes on another',
  )
}
