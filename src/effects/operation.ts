import type { Reader } from '../db/tables.ts'
import { type Operation, streams } from '../log/facts.ts'
import type { CallName } from '../stripe/calls.ts'
import type { NewEffect } from './effects.ts'
import type { Turn } from './turn.ts'

/** A call to Stripe, of an operation of billing. `params` get its key, for the metadata. */
export type Request = {
  call: CallName
  targetId: string | null
  params: (key: string) => Record<string, unknown>
}

/** Records that an operation was asked for. Returns the effect that carries it out, for the turn to ask for. */
export async function recordRequest(
  turn: Turn,
  {
    tenantId,
    operation,
    reason,
  }: { tenantId: string | null; operation: Operation; reason?: string | undefined },
  { call, targetId, params }: Request,
  key: string,
): Promise<NewEffect> {
  const stream = operationStream(tenantId)
  await turn.record(stream, [
    {
      fact_id: key,
      type: 'billing.operation_requested',
      tenant_id: tenantId,
      data: {
        ...{ operation, idempotency_key: key, target_id: targetId },
        personal: { params: params(key), ...(reason !== undefined && { reason }) },
      },
    },
  ])
  return { effectId: key, tenantId, stream, kind: call, params: { fact_id: key } } as NewEffect
}

/** Of the fact that an operation has succeeded. */
export const succeededFactId = (key: string) => `${key}:succeeded`

/** Of a tenant, or of the catalogue (null). */
export const operationStream = (tenantId: string | null) =>
  tenantId === null ? streams.catalog : streams.billing(tenantId)

/** The keys of what has been asked for of a tenant, or of the catalogue (null), in the order of asking. */
export async function requestedKeys(reader: Reader, tenantId: string | null): Promise<string[]> {
  const requests = await reader
    .selectFrom('billing_events')
    .select('fact_id')
    .where('stream', '=', operationStream(tenantId))
    .where('type', '=', 'billing.operation_requested')
    .orderBy('version')
    .execute()
  return requests.map(({ fact_id }) => fact_id)
}
