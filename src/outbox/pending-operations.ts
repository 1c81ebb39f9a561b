import type { Reader } from '../db/tables.ts'
import type { Fact, Operation } from '../log/facts.ts'
import { factById } from '../log/read.ts'
import { livingPersonal } from '../log/subject.ts'

/** An operation that was asked for and whose call has not ended. */
export type PendingOperation = {
  key: string
  operation: Operation
  targetId: string | null
  params: Record<string, unknown>
}

/** Those of a tenant, or of the catalogue (null), oldest first. */
export async function pendingOperations(
  reader: Reader,
  tenantId: string | null,
): Promise<PendingOperation[]> {
  const rows = await reader
    .selectFrom('effects')
    .select('effect_id')
    .where('kind', '=', 'billing_call')
    .where('status', '=', 'pending')
    .where('tenant_id', tenantId === null ? 'is' : '=', tenantId)
    .orderBy('created_at')
    .orderBy('effect_id')
    .execute()
  return Promise.all(
    rows.map(async ({ effect_id }) => {
      const fact = (await factById(reader, effect_id)) as Fact<'billing.operation_requested'>
      const { data } = fact
      return {
        key: effect_id,
        operation: data.operation,
        targetId: data.target_id,
        params: (await livingPersonal(reader, fact)).params,
      }
    }),
  )
}

/** The keys of all operations that were ever asked for in a stream, in their order. */
export async function operationsOf(reader: Reader, stream: string): Promise<string[]> {
  const rows = await reader
    .selectFrom('billing_events')
    .select('fact_id')
    .where('stream', '=', stream)
    .where('type', '=', 'billing.operation_requested')
    .orderBy('version')
    .execute()
  return rows.map((row) => row.fact_id)
}
