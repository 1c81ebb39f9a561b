import { z } from 'zod'
import { billTenant } from '../charges/bill.ts'
import type { AppContext } from '../context.ts'
import { timeOut } from '../db/fields.ts'
import type { Row } from '../db/tables.ts'
import { NotFound } from '../errors.ts'
import type { By } from '../log/by.ts'
import { streams, type UsageType } from '../log/facts.ts'
import { UsageRecord } from './record.ts'

export const VoidedUsage = UsageRecord.and(z.object({ voided_at: timeOut }))
export type VoidedUsage = z.infer<typeof VoidedUsage>

/**
 * Takes a record out of every sum, by a fact of its own. Voiding again answers the same.
 * What was charged for it comes back as a credit on the next invoice.
 * @throws NotFound
 */
export function voidUsage(
  context: AppContext,
  request: { recordId: string; reason: string | null; by: By },
): Promise<VoidedUsage> {
  const { recordId, reason, by } = request
  return context.transact(by, async (turn) => {
    const row = await turn.trx
      .selectFrom('billing_usage_records')
      .selectAll()
      .$narrowType<{ usage_type: UsageType }>()
      .where('record_id', '=', recordId)
      .executeTakeFirst()
    if (row === undefined) throw new NotFound('usage record')
    if (row.voided_at !== null) return view(row, row.voided_at)
    await turn.record(streams.usage(row.tenant_id), [
      {
        fact_id: `void_${recordId}`,
        type: 'usage.voided',
        tenant_id: row.tenant_id,
        data: { record_id: recordId, personal: { reason } },
      },
    ])
    await billTenant(turn, row.tenant_id)
    return view(row, turn.now)
  })
}

function view(row: Row<'billing_usage_records'> & { usage_type: UsageType }, voidedAt: string): VoidedUsage {
  return {
    record_id: row.record_id,
    tenant_id: row.tenant_id,
    usage_type: row.usage_type,
    action: row.action,
    quantity: row.quantity,
    occurred_at: row.occurred_at,
    recorded_at: row.recorded_at,
    is_late: row.is_late === 1,
    idempotency_key: row.idempotency_key,
    metadata: JSON.parse(row.metadata ?? '{}'),
    voided_at: voidedAt,
  }
}
