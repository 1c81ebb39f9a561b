import type { Turn } from '../effects/turn.ts'
import { streams } from '../log/facts.ts'
import { lastPosition } from '../log/read.ts'
import { cardAt } from '../pricing/price.ts'
import { tellStuck } from './alarms.ts'
import { countDues } from './dues.ts'
import { closingId, firstBaseKey } from './keys.ts'
import type { Known, Window } from './known.ts'
import { countedDue } from './make.ts'
import { subscriptionOf } from './subscription.ts'
import type { windowToClose, windowToOpen } from './windows.ts'

/** Records that a subscription's first window begins, and the base that our call has put on its first invoice. */
export async function recordOpening(
  turn: Turn,
  known: Known,
  data: NonNullable<ReturnType<typeof windowToOpen>>,
): Promise<void> {
  const { tenantId } = known
  const subscription = subscriptionOf(known, data)
  const id = `window:${data.subscription_id}:${data.start}`
  await turn.record(streams.usage(tenantId), [
    { fact_id: id, type: 'usage.window_opened', tenant_id: tenantId, data },
  ])
  const { made_under, first_base_cents, currency, customer_id, latest_invoice_id } = subscription
  if (made_under === null || first_base_cents === null || first_base_cents === 0) return
  const first = known.invoices.find(
    ({ subscription_id, billing_reason }) =>
      subscription_id === data.subscription_id && billing_reason === 'subscription_create',
  )
  const line_id = firstBaseKey(made_under)
  await turn.record(streams.usage(tenantId), [
    {
      fact_id: `line:${line_id}`,
      type: 'usage.line_asked',
      tenant_id: tenantId,
      data: {
        line_id,
        subscription_id: data.subscription_id,
        window_start: data.start,
        usage_type: 'platform_base',
        kind: 'first',
        invoice_id: first?.invoice_id ?? latest_invoice_id,
        invoice_key: null,
        customer_id,
        currency: currency ?? '',
        quantity: '1',
        amount_cents: first_base_cents,
        upto_position: await lastPosition(turn.trx),
        description: 'Platform base',
        personal: { reason: null },
      },
    },
  ])
}

/** Records that a window ends with what it owes, and that the next one begins. */
export async function recordClosing(
  turn: Turn,
  known: Known,
  window: Window,
  { end, next }: NonNullable<ReturnType<typeof windowToClose>>,
): Promise<void> {
  const counted = await countDues(turn.trx, known, [{ ...window, ends_at: end }])
  const dues = counted.filter(({ quantity, cents }) => quantity > 0n || cents > 0n).map(countedDue)
  tellStuck(turn, known.tenantId, window.window_id, dues)
  await turn.record(streams.usage(known.tenantId), [
    {
      fact_id: closingId(window.window_id),
      type: 'usage.window_closed',
      tenant_id: known.tenantId,
      data: {
        subscription_id: window.subscription_id,
        start: window.starts_at,
        end,
        dues,
        rate_card_id: cardAt(known.cards, end).rate_card_id,
        upto_position: await lastPosition(turn.trx),
        next,
      },
    },
  ])
}
