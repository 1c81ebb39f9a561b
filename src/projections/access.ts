import type { Projection } from './projection.ts'
import { saveRow } from './save-row.ts'

/** What each tenant may use, as it last changed; `since` when it has this access. */
export const access: Projection = {
  table: 'billing_access',
  primaryKey: 'tenant_id',
  on: {
    'access.changed': async (trx, { tenant_id, data, occurred_at, position }) => {
      if (tenant_id === null) return
      const { from, ...columns } = data
      const before = await trx
        .selectFrom('billing_access')
        .select('since')
        .where('tenant_id', '=', tenant_id)
        .executeTakeFirst()
      const since = (data.access === from && before?.since) || occurred_at
      await saveRow(trx, 'billing_access', 'tenant_id', {
        tenant_id,
        ...columns,
        since,
        last_position: position,
      })
    },
  },
}
