import { flag } from '../db/tables.ts'
import { canonicalJson } from '../log/canonical-json.ts'
import { personalOf } from '../log/subject.ts'
import { forget, type Projection } from './projection.ts'
import { saveRow } from './save-row.ts'

const personalColumns = ['idempotency_key', 'metadata']

/** What was used. The view `usage_billing` says which invoice a record is on, and when that was paid. */
export const usageRecords: Projection = {
  table: 'billing_usage_records',
  primaryKey: 'record_id',
  personalColumns,
  on: {
    ...forget('billing_usage_records', personalColumns),
    'usage.recorded': async (trx, fact) => {
      const { data, position } = fact
      if (fact.tenant_id === null) return
      const personal = await personalOf(trx, fact)
      await saveRow(
        trx,
        'billing_usage_records',
        'record_id',
        {
          record_id: data.record_id,
          tenant_id: fact.tenant_id,
          usage_type: data.usage_type,
          action: data.action,
          quantity: data.quantity,
          occurred_at: fact.occurred_at,
          recorded_at: fact.recorded_at,
          idempotency_key: personal?.idempotency_key ?? null,
          metadata: personal === null ? null : canonicalJson(personal.metadata),
          is_late: flag(data.is_late),
          voided_at: null,
          position,
          last_position: position,
        },
        'kept',
      )
    },
    'usage.voided': async (trx, fact) => {
      await trx
        .updateTable('billing_usage_records')
        .set({ voided_at: fact.occurred_at, last_position: fact.position })
        .where('record_id', '=', fact.data.record_id)
        .where('tenant_id', '=', fact.tenant_id)
        .where('voided_at', 'is', null)
        .execute()
    },
  },
}
