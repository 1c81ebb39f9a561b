import type { Reader } from '../../db/tables.ts'
import { succeededFactId } from '../../effects/operation.ts'
import type { Fact } from '../../log/facts.ts'
import { findFact } from '../../log/read.ts'
import { livingPersonal } from '../../log/subject.ts'
import type { Asker } from './asker.ts'

/** An operation of billing: what came of it is a fact of the tenant's stream, or of the catalogue's. */
export const operation: Asker<Fact<'billing.operation_requested'>> = {
  async wanted(reader, fact) {
    const { target_id: targetId } = fact.data
    const { params } = await livingPersonal(reader, fact)
    return targetId === null ? { params } : { params, targetId }
  },

  async answered(
    turn,
    { data: { operation, idempotency_key } },
    { effectId, tenantId, stream },
    { objectId },
  ) {
    await turn.record(stream, [
      {
        fact_id: succeededFactId(effectId),
        type: 'billing.operation_succeeded',
        tenant_id: tenantId,
        data: { operation, idempotency_key, object_id: objectId },
        metadata: { causation: effectId },
      },
    ])
  },

  async refused(turn, { data: { operation, idempotency_key } }, { effectId, tenantId, stream }, failure) {
    const { code, declineCode, words } = failure
    await turn.record(stream, [
      {
        fact_id: `${effectId}:failed`,
        type: 'billing.operation_failed',
        tenant_id: tenantId,
        data: {
          operation,
          idempotency_key,
          code,
          decline_code: declineCode,
          personal: { message: words },
        },
        metadata: { causation: effectId },
      },
    ])
  },
}

/** The id of the object that an operation has made or changed; null: it has not succeeded. */
export async function succeededObject(reader: Reader, key: string): Promise<string | null> {
  const fact = await findFact(reader, succeededFactId(key), 'billing.operation_succeeded')
  return fact?.data.object_id ?? null
}
