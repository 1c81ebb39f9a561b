import type { Trx } from '../db/tables.ts'
import type { Fact } from '../log/facts.ts'
import type { Projection } from './projection.ts'
import { saveRow } from './save-row.ts'
import { windowId } from './windows.ts'

/** What operators have decided about usage. What was claimed and waits for a window goes to the next one that is opened. */
export const usageDecisions: Projection = {
  table: 'billing_usage_decisions',
  primaryKey: 'decision_id',
  on: {
    'usage.claimed': (trx, fact) => save(trx, fact, 'claimed', fact.data.window_id),
    'usage.forgiven': (trx, fact) => save(trx, fact, 'forgiven', null),
    'usage.released': (trx, { fact_id, tenant_id, data, position }) =>
      saveRow(trx, 'billing_usage_decisions', 'decision_id', {
        decision_id: fact_id,
        tenant_id: tenant_id ?? '',
        usage_type: data.usage_type,
        decision: 'released',
        starts_at: data.window_start,
        ends_at: data.window_start,
        window_id: windowId(data.subscription_id, data.window_start),
        after_position: 0,
        position,
        last_position: position,
      }),
    'usage.window_opened': async (trx, { tenant_id, data, position }) => {
      await trx
        .updateTable('billing_usage_decisions')
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
    await saveRow(trx, 'billing_usage_decisions', 'decision_id', {
      decision_id: `${fact_id}:${index}`,
      tenant_id: tenant_id ?? '',
      usage_type: data.usage_type,
      decision,
      starts_at: from,
      ends_at: to,
      window_id,
      after_position: data.after_position,
      position,
      last_position: position,
    })
}
