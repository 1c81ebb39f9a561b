import type { Trx } from '../db/tables.ts'
import type { Fact } from '../log/facts.ts'
import type { Projection } from './projection.ts'
import { saveRow } from './save-row.ts'
import { windowId } from './windows.ts'

/** Usage outside all windows on which an operator has decided. What waits for a window goes to the next one that is opened. */
export const usageGaps: Projection = {
  table: 'billing_usage_gaps',
  primaryKey: 'gap_id',
  on: {
    'usage.claimed': (trx, fact) => save(trx, fact, 'claimed', fact.data.window_id),
    'usage.forgiven': (trx, fact) => save(trx, fact, 'forgiven', null),
    'usage.window_opened': async (trx, { tenant_id, data, position }) => {
      await trx
        .updateTable('billing_usage_gaps')
        .set({ window_id: windowId(data.subscription_id, data.start), last_position: position })
        .where('tenant_id', '=', tenant_id)
        .where('decision', '=', 'claimed')
        .where('window_id', 'is', null)
        .execute()
    },
  },
}

async function save(
  trx: Trx,
  { fact_id, tenant_id, data, position }: Fact<'usage.claimed' | 'usage.forgiven'>,
  decision: 'claimed' | 'forgiven',
  window_id: string | null,
): Promise<void> {
  for (const [index, { from, to }] of data.gaps.entries())
    for (const usage_type of data.usage_types)
      await saveRow(trx, 'billing_usage_gaps', 'gap_id', {
        gap_id: `${fact_id}:${usage_type}:${index}`,
        tenant_id: tenant_id ?? '',
        usage_type,
        decision,
        starts_at: from,
        ends_at: to,
        window_id,
        last_position: position,
      })
}
