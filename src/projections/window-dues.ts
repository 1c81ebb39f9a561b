import type { Trx } from '../db/tables.ts'
import type { CountedDue } from '../log/charge-facts.ts'
import type { Projection } from './projection.ts'
import { saveRow } from './save-row.ts'
import { windowId } from './windows.ts'

/** What each window owes for each type, as it was counted last: at its close, and at every moment that makes lines; what an operator released is held no more. */
export const windowDues: Projection = {
  table: 'billing_window_dues',
  primaryKey: 'due_id',
  on: {
    'usage.window_closed': async (trx, { tenant_id, data, position }) => {
      const id = windowId(data.subscription_id, data.start)
      for (const due of data.dues) await save(trx, tenant_id, id, due, position)
    },
    'usage.lines_made': async (trx, { tenant_id, data, position }) => {
      for (const { window_start, dues } of data.counted)
        for (const due of dues)
          await save(trx, tenant_id, windowId(data.subscription_id, window_start), due, position)
    },
    // A final window is not counted again.
    'usage.released': async (trx, { tenant_id, data, position }) => {
      await trx
        .updateTable('billing_window_dues')
        .set({ state: 'priced', last_position: position })
        .where('tenant_id', '=', tenant_id)
        .where('due_id', '=', `${windowId(data.subscription_id, data.window_start)}:${data.usage_type}`)
        .where('state', '=', 'held')
        .execute()
    },
  },
}

const save = (trx: Trx, tenantId: string | null, id: string, due: CountedDue, position: number) =>
  saveRow(trx, 'billing_window_dues', 'due_id', {
    due_id: `${id}:${due.usage_type}`,
    tenant_id: tenantId ?? '',
    window_id: id,
    ...due,
    last_position: position,
  })
