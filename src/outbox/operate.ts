import { createHash } from 'node:crypto'
import type { AppContext } from '../context.ts'
import type { Reader, Trx } from '../db/tables.ts'
import type { NewEffect } from '../effects/effects.ts'
import type { Turn } from '../effects/turn.ts'
import { AppError, Conflict } from '../errors.ts'
import type { By } from '../log/by.ts'
import { type Operation, streams } from '../log/facts.ts'
import { assertNotErased } from '../projections/tenants.ts'
import { StripeFailure } from '../stripe/failure.ts'
import { succeededObject } from './operations.ts'
import { operationsOf, type PendingOperation, pendingOperations } from './pending-operations.ts'

/** What a caller wants done at Stripe. `P`: what has to be asked of Stripe before that can be decided. */
export type Wanted<P> = {
  /** Null: of the catalogue. */
  tenantId: string | null
  operation: Operation
  by: By
  /** The client's Idempotency-Key. */
  clientKey: string | undefined
  /** What goes before it: an operation of this tenant whose call has not ended. By default any. */
  waitsFor?: (pending: PendingOperation) => boolean
  /** Whether a pending operation of this kind is this one, asked for before a crash or an outage. */
  isSame: (pending: PendingOperation, reader: Reader) => boolean | Promise<boolean>
  prepare: () => Promise<P>
  /**
   * In the transaction that records the intent: the call, or the id of the object that is as wanted already.
   * `key`: the call's, should there be one; `madeBefore`: what an operation under the same client key has made.
   */
  decide: (
    turn: Turn,
    about: { key: string; madeBefore: string | null; prepared: P },
  ) => Promise<Draft | string>
}

/** The call to be made. `params` get the idempotency key, for the metadata of what they create. */
export type Draft = { targetId: string | null; params: (key: string) => Record<string, unknown> }

/**
 * Does one operation at Stripe, and one at a time per tenant: what is pending from before is settled first, so that
 * a late call never overtakes a newer one. Each operation has a key of its own; the same one that is still pending
 * goes on under its own key. Returns the id of the object that the operation is about.
 * @throws AppError as Stripe's refusal, or stripe_unavailable while the outcome is unknown; conflict for a tenant that
 *   was erased
 */
export async function operate<P>(context: AppContext, wanted: Wanted<P>): Promise<string> {
  const { db, effects } = context
  const carryOut = async (key: string) => {
    await effects.run(key)
    return outcome(db.reader, key)
  }
  for (;;) {
    const earlier = await firstPending(db.reader, wanted)
    if (earlier !== undefined) {
      const isOurs = earlier.operation === wanted.operation && (await wanted.isSame(earlier, db.reader))
      if (isOurs) return carryOut(earlier.key)
      await effects.run(earlier.key).catch(passRefusal)
      continue
    }
    const prepared = await wanted.prepare()
    const next = await context.transact(wanted.by, async (turn) => {
      const { trx } = turn
      if (wanted.tenantId !== null) await assertNotErased(trx, wanted.tenantId, 'conflict')
      if ((await firstPending(trx, wanted)) !== undefined) return undefined
      const { key, madeBefore } = await nextKey(trx, wanted)
      const decided = await wanted.decide(turn, { key, madeBefore, prepared })
      if (typeof decided === 'string') return { objectId: decided }
      const draft = { targetId: decided.targetId, params: decided.params(key), key }
      await turn.claim(await requestOperation(turn, wanted, draft))
      return { key }
    })
    if (next?.objectId !== undefined) return next.objectId
    if (next?.key !== undefined) return carryOut(next.key)
  }
}

async function firstPending<P>(reader: Reader, { tenantId, waitsFor = () => true }: Wanted<P>) {
  return (await pendingOperations(reader, tenantId)).find(waitsFor)
}

/** Records the intent of an operation. Returns the effect that carries it out, for the turn to ask for. */
export async function requestOperation(
  turn: Turn,
  { tenantId, operation }: Pick<Wanted<unknown>, 'tenantId' | 'operation'>,
  { targetId, params, key }: { targetId: string | null; params: Record<string, unknown>; key: string },
): Promise<NewEffect> {
  const stream = streamOf(tenantId)
  await turn.record(stream, [
    {
      fact_id: key,
      type: 'billing.operation_requested',
      tenant_id: tenantId,
      data: { operation, idempotency_key: key, target_id: targetId, personal: { params } },
    },
  ])
  return { effectId: key, tenantId, stream, kind: 'billing_call', params: {} }
}

/** Under a client key, attempts are counted apart, so that the client's retry finds what the first one has made. */
async function nextKey<P>(trx: Trx, wanted: Wanted<P>): Promise<{ key: string; madeBefore: string | null }> {
  const { tenantId, operation, clientKey, by } = wanted
  const kind = `stepledger:${tenantId ?? 'catalog'}:${operation}:`
  const prefix = clientKey === undefined ? kind : `${kind}${digest(`${by.actor} ${clientKey}`)}:`
  const earlier = (await operationsOf(trx, streamOf(tenantId))).filter((key) => key.startsWith(prefix))
  const last = clientKey === undefined ? undefined : earlier.at(-1)
  return {
    key: `${prefix}${earlier.length + 1}`,
    madeBefore: last === undefined ? null : await succeededObject(trx, last),
  }
}

async function outcome(reader: Reader, key: string): Promise<string> {
  const objectId = await succeededObject(reader, key)
  if (objectId !== null) return objectId
  throw new Conflict('Stripe has refused this meanwhile; send the same request again')
}

/** The other operation is over, and what it was is its own caller's to hear. An unknown outcome stops this one too. */
function passRefusal(error: unknown): void {
  const isOver = error instanceof AppError && error.cause instanceof StripeFailure && error.cause.isFinal
  if (!isOver) throw error
}

const streamOf = (tenantId: string | null) =>
  tenantId === null ? streams.catalog : streams.billing(tenantId)

const digest = (text: string) => createHash('sha256').update(text).digest('hex').slice(0, 24)
