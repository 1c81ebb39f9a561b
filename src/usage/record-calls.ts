import type { AppContext } from '../context.ts'
import { erasedTenants } from '../projections/tenants.ts'
import { appendUsage, derivedId, type UsageDraft } from './record.ts'
import type { RecordedBatch } from './tracking.ts'

/**
 * `record` for `usageTracking`: batches of our own API's calls, each once by its key. Unlike reported usage they are
 * taken however old they are, and for any tenant whose key proved itself: they were counted when they were made.
 */
export function recordCalls({ transact }: Pick<AppContext, 'transact'>) {
  return async (batches: readonly RecordedBatch[]): Promise<void> => {
    const drafts = batches.map(({ tenantId, quantity, idempotencyKey, occurredAt }): UsageDraft => {
      const id = derivedId(['api-calls', idempotencyKey])
      return {
        fact_id: `usage_${id}`,
        type: 'usage.recorded',
        tenant_id: tenantId,
        data: {
          record_id: `usg_${id}`,
          usage_type: 'api_call',
          action: 'increment',
          quantity,
          is_late: false,
          personal: { idempotency_key: null, metadata: {} },
        },
        occurred_at: occurredAt,
      }
    })
    await transact({ actor: 'worker' }, async (turn) => {
      // Counted before the erasure, which has forgiven what was due.
      const erased = await erasedTenants(
        turn.trx,
        drafts.map((one) => one.tenant_id),
      )
      const counted = drafts.filter((one) => !erased.has(one.tenant_id))
      await appendUsage(turn, counted)
    })
  }
}
