import type { Reader } from '../db/tables.ts'
import { effectKinds } from '../effects/kinds.ts'
import { Conflict } from '../errors.ts'
import { type Operation, streams } from '../log/facts.ts'
import { factById } from '../log/read.ts'
import { livingPersonal } from '../log/subject.ts'
import { callNames } from '../stripe/calls.ts'

/** A request of Stripe that was asked for and has not ended: it may be making what another one is about to make. */
export type UnderWay = StepUnderWay | OperationUnderWay
export type StepUnderWay = { askedBy: 'step'; key: string; sessionId: string }
export type OperationUnderWay = {
  askedBy: 'operation'
  key: string
  operation: Operation
  targetId: string | null
  params: Record<string, unknown>
}

/** Those of a tenant, or of the catalogue (null), oldest first. What months of usage ask for stands in nobody's way. */
export async function requestsUnderWay(reader: Reader, tenantId: string | null): Promise<UnderWay[]> {
  const rows = await reader
    .selectFrom('effects')
    .select(['effect_id', 'params'])
    .where('kind', 'in', callNames)
    .where('status', '=', 'pending')
    .where('tenant_id', tenantId === null ? 'is' : '=', tenantId)
    .where('stream', '!=', streams.usage(tenantId ?? ''))
    .orderBy('created_at')
    .orderBy('effect_id')
    .execute()
  return Promise.all(
    rows.map(async ({ effect_id: key, params: text }): Promise<UnderWay> => {
      const { fact_id, session_id: sessionId } = effectKinds.create_customer.parse(JSON.parse(text))
      if (sessionId !== undefined) return { askedBy: 'step', key, sessionId }
      const fact = await factById(reader, fact_id, 'billing.operation_requested')
      const { operation, target_id: targetId } = fact.data
      const { params } = await livingPersonal(reader, fact)
      return { askedBy: 'operation', key, operation, targetId, params }
    }),
  )
}

/** The tenant's operations alone, likewise. */
export async function operationsUnderWay(
  reader: Reader,
  tenantId: string | null,
): Promise<OperationUnderWay[]> {
  return (await requestsUnderWay(reader, tenantId)).filter((each) => each.askedBy === 'operation')
}

/**
 * Each of the two who ask lets the other's request end first.
 * @throws Conflict, which the same request again may get past
 */
export function assertFree(underWay: readonly UnderWay[], asker: UnderWay['askedBy']): void {
  const other = underWay.find(({ askedBy }) => askedBy !== asker)
  if (other?.askedBy === 'step')
    throw new Conflict("A step of this tenant's onboarding is waiting for Stripe; send the request again", {
      session_id: other.sessionId,
    })
  if (other !== undefined)
    throw new Conflict('A billing operation of this tenant is waiting for Stripe; send the request again')
}
