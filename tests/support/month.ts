import { closingId } from '../../src/charges/keys.ts'
import type { Database } from '../../src/db/database.ts'
import { lastPosition } from '../../src/log/read.ts'
import { windowId } from '../../src/projections/windows.ts'
import { at, epoch, newFact, observed, recordAll, stripeEvent } from './facts.ts'
import { invoice, subscription } from './incident.ts'

const day = 86_400
/** A service month of the incident's subscription, and the one after it: they begin when that was made. */
export const january = { start: at(10), end: at(10 + 31 * day) }
export const february = { start: january.end, end: at(10 + 59 * day) }
export const januaryId = windowId('sub_ada', january.start)

/** As Stripe shows it in the month that ends so many days after its beginning. */
const renewedUntil = (days: number) => ({
  ...subscription,
  items: {
    data: subscription.items.data.map((item) => ({
      ...item,
      current_period_end: epoch + 10 + days * day,
    })),
  },
})

const asked = { subscription_id: 'sub_ada', customer_id: 'cus_ada', currency: 'usd', invoice_key: null }

/**
 * The incident's first service month, up to its lines on the draft of its renewal, `in_january`: 3 cases, 250,000 calls, and February's
 * base, which Stripe has refused. Returns positions: after the window was opened, closed, and all.
 */
export async function recordMonth(
  db: Database,
): Promise<{ opened: number; closed: number; upto: number; end: number }> {
  const of = { subscription_id: 'sub_ada' }
  const opening = { ...of, ...january, is_trial: false, has_base: false }
  await recordAll(
    db,
    [
      observed('subscription', renewedUntil(31), 61),
      newFact('usage.window_opened', {
        ...opening,
        anchor: january.start,
        counts_from: january.start,
        currency: 'usd',
      }),
    ],
    at(62),
  )
  const opened = await lastPosition(db.reader)
  const { rate_card_id } = await db.reader
    .selectFrom('billing_rate_cards')
    .select('rate_card_id')
    .executeTakeFirstOrThrow()
  const end = 31 * day + 10
  const occurredAt = january.end
  const closing = newFact(
    'usage.window_closed',
    {
      ...of,
      ...january,
      dues: [
        { usage_type: 'case', quantity: '3', due_cents: '3000', state: 'priced' },
        { usage_type: 'api_call', quantity: '250000', due_cents: '2500', state: 'priced' },
      ],
      rate_card_id,
      upto_position: opened,
      next: { ...february, has_base: true },
    },
    { occurredAt, factId: closingId(januaryId) },
  )
  await recordAll(db, [observed('subscription', renewedUntil(59), end), closing], january.end)
  const closed = await lastPosition(db.reader)
  const draft = { ...invoice('open', 4900), id: 'in_january', status: 'draft', created: epoch + end }
  await recordAll(db, [stripeEvent('invoice.created', 'invoice', draft, end)], january.end)
  const upto_position = await lastPosition(db.reader)
  const line = (
    line_id: string,
    usage_type: 'case' | 'api_call' | 'platform_base',
    quantity: string,
    amount_cents: number,
    window_start = january.start,
  ) =>
    newFact(
      'usage.line_asked',
      {
        ...asked,
        ...{ line_id, usage_type, quantity, amount_cents, window_start, upto_position },
        ...{ kind: 'item', invoice_id: 'in_january', description: line_id, personal: { reason: null } },
      },
      { occurredAt },
    )
  await recordAll(
    db,
    [
      newFact(
        'usage.lines_made',
        {
          ...of,
          ...{ moment: 'draft', window_start: january.start, invoice_id: 'in_january', upto_position },
          counted: [{ window_start: january.start, dues: [] }],
        },
        { occurredAt },
      ),
      line('line_cases', 'case', '3', 3000),
      line('line_calls', 'api_call', '250000', 2500),
      line('line_base', 'platform_base', '1', 10_000, february.start),
      newFact('usage.line_refused', { line_id: 'line_base', reason: 'invoice_not_editable' }, { occurredAt }),
    ],
    january.end,
  )
  return { opened, closed, upto: upto_position, end: await lastPosition(db.reader) }
}
