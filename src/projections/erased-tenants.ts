import type { Projection } from './projection.ts'
import { saveRow } from './save-row.ts'

/** Nothing personal is sealed for them any more, and they are no longer known. */
export const erasedTenants: Projection = {
  table: 'erased_tenants',
  primaryKey: 'tenant_id',
  on: {
    'tenant.erased': async (trx, { tenant_id, occurred_at, position }) => {
      if (tenant_id === null) return
      const row = { tenant_id, erased_at: occurred_at, last_position: position }
      await saveRow(trx, 'erased_tenants', 'tenant_id', row)
    },
  },
}
