import { createHash } from 'node:crypto'
import type { AppContext } from '../context.ts'
import type { Reader, Trx } from '../db/tables.ts'
import { type Request, recordRequest, requestedKeys } from '../effects/operation.ts'
import type { Turn } from '../effects/turn.ts'
import { Conflict } from '../errors.ts'
import type { By } from '../log/by.ts'
import type { Operation } from '../log/facts.ts'
import { assertNotErased } from '../projections/tenants.ts'
import { failureOf } from '../stripe/failure.ts'
import { succeededObject } from './askers/operation.ts'
import { type OperationUnderWay, operationsUnderWay } from './under-way.ts'

/** What a caller wants done at Stripe, as one operation. */
export type Order = {
  /** Null: of the catalogue. */
  tenantId: string | null
  operation: Operation
  by: By
  /** The client's Idempotency-Key. */
  clientKey?: string | undefined
  /** Why, as the caller has said. */
  reason?: string | undefined
  /** What goes before it: an operation of this tenant that has not ended. By default any. */
  waitsFor?: (earlier: OperationUnderWay) => boolean
  /** Whether an operation of this kind that has not ended is this one, asked for before a crash or an outage. */
  isSame: (earlier: OperationUnderWay) => boolean | Promise<boolean>
}

/** What is to be done: nothing, since this object is as wanted already; or a request. `params` get its key, for the metadata. */
export type Decision = { objectId: string } | Request

/**
 * Has one operation done at Stripe, and one at a time per tenant: what has not ended is settled first, so that a late
 * call never overtakes a newer one. Each operation has a key of its own; the same one goes on under its own key.
 * Returns the id of the object that the operation is about.
 * @param decide in the turn that records the request. `madeBefore`: what an order under the same client key has made
 * @throws AppError as Stripe's refusal, or stripe_unavailable while the outcome is unknown; conflict for a tenant that
 *   was erased
 */
export async function ask(
  context: AppContext,
  order: Order,
  decide: (turn: Turn, made: { key: string; madeBefore: string | null }) => Promise<Decision>,
): Promise<string> {
  for (;;) {
    const resumed = await resume(context, order)
    if (resumed !== undefined) return resumed
    const next = await context.transact(order.by, async (turn) => {
      if (order.tenantId !== null) await assertNotErased(turn.trx, order.tenantId, 'conflict')
      if ((await earliest(turn.trx, order)) !== undefined) return undefined
      const { key, madeBefore } = await nextKey(turn.trx, order)
      const decision = await decide(turn, { key, madeBefore })
      if ('objectId' in decision) return decision
      await turn.claim(await recordRequest(turn, order, decision, key))
      return { key }
    })
    if (next === undefined) continue
    return 'objectId' in next ? next.objectId : carryOut(context, next.key)
  }
}

/**
 * Settles what goes before the order. Returns the object's id where that was the order itself, asked for before.
 * @throws as `ask`
 */
export async function resume(context: AppContext, order: Order): Promise<string | undefined> {
  for (;;) {
    const earlier = await earliest(context.db.reader, order)
    if (earlier === undefined) return undefined
    if (earlier.operation === order.operation && (await order.isSame(earlier)))
      return carryOut(context, earlier.key)
    await context.effects.run(earlier.key).catch(passRefusal)
  }
}

async function carryOut({ db, effects }: AppContext, key: string): Promise<string> {
  await effects.run(key)
  const objectId = await succeededObject(db.reader, key)
  if (objectId === null) throw new Conflict('Stripe has refused this meanwhile; send the same request again')
  return objectId
}

async function earliest(reader: Reader, { tenantId, waitsFor = () => true }: Order) {
  return (await operationsUnderWay(reader, tenantId)).find(waitsFor)
}

/** Under a client key, attempts are counted apart, so that the client's retry finds what the first one has made. */
async function nextKey(trx: Trx, order: Order): Promise<{ key: string; madeBefore: string | null }> {
  const { tenantId, operation, clientKey, by } = order
  const kind = `stepledger:${tenantId ?? 'catalog'}:${operation}:`
  const prefix = clientKey === undefined ? kind : `${kind}${digest(`${by.actor} ${clientKey}`)}:`
  const earlier = (await requestedKeys(trx, tenantId)).filter((key) => key.startsWith(prefix))
  const last = clientKey === undefined ? undefined : earlier.at(-1)
  return {
    key: `${prefix}${earlier.length + 1}`,
    madeBefore: last === undefined ? null : await succeededObject(trx, last),
  }
}

/** The other operation is over, and what it was is its own caller's to hear. An unknown outcome stops this one too. */
function passRefusal(error: unknown): void {
  if (!failureOf(error)?.isFinal) throw error
}

const digest = (text: string) => createHash('sha256').update(text).digest('hex').slice(0, 24)
