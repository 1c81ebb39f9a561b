import type { RawBuilder } from 'kysely'
import type { z } from 'zod'
import type { Reader, Row, Trx } from '../db/tables.ts'

import { type EffectKind, type EffectParams, effectKinds } from './kinds.ts'

/** A call to the outside that a committed fact asked for, or a timer. */
export type Effect<K extends EffectKind = EffectKind> = {
  [Kind in K]: {
    effectId: string
    tenantId: string | null
    /** Of the fact that asked. */
    stream: string
    kind: Kind
    params: EffectParams<Kind>
    /** How often it was begun, this time included. */
    attempts: number
    /** When it was asked for: UTC ISO 8601. */
    createdAt: string
  }
}[K]

/** An effect that is asked for. `dueAt`: when it is carried out at the earliest; by default at once. */
export type NewEffect = {
  [Kind in EffectKind]: Omit<Effect<Kind>, 'attempts' | 'createdAt' | 'params'> & {
    params: z.input<(typeof effectKinds)[Kind]>
    dueAt?: string
  }
}[EffectKind]

/**
 * Puts an effect in the outbox, in the transaction of the fact that asks for it. An id that is there already is left
 * as it is: then the answer is false.
 * @param claimant who begins it, and is at its first attempt
 */
export async function insertEffect(
  trx: Trx,
  effect: NewEffect,
  now: string,
  claimant?: Owner,
): Promise<boolean> {
  const inserted = await trx
    .insertInto('effects')
    .values({
      effect_id: effect.effectId,
      tenant_id: effect.tenantId,
      stream: effect.stream,
      kind: effect.kind,
      params: JSON.stringify(effectKinds[effect.kind].parse(effect.params)),
      status: 'pending',
      attempts: claimant === undefined ? 0 : 1,
      due_at: effect.dueAt ?? now,
      claimed_until: claimant?.leaseEnd ?? null,
      claimed_by: claimant?.id ?? null,
      last_error: null,
      created_at: now,
      updated_at: now,
    })
    .onConflict((conflict) => conflict.column('effect_id').doNothing())
    .executeTakeFirst()
  return (inserted.numInsertedOrUpdatedRows ?? 0n) > 0n
}

/** As `insertEffect`, for what is looked at again and again: one that is there already comes at the earlier time, or anew. */
export async function setTimer(trx: Trx, timer: NewEffect & { dueAt: string }, now: string): Promise<void> {
  const { effectId, dueAt } = timer
  await insertEffect(trx, timer, now)
  await trx
    .updateTable('effects')
    .set({ status: 'pending', attempts: 0, due_at: dueAt, last_error: null, updated_at: now })
    .where('effect_id', '=', effectId)
    .where((eb) => eb.or([eb('status', '!=', 'pending'), eb('due_at', '>', dueAt)]))
    .execute()
}

/**
 * Who runs effects: a process. `clock` is the real time in the database, the same for all instances; a lease goes by
 * it, while what is due goes by the service's own clock. A running call renews its lease; after a crash it ends this
 * soon, and another may carry the effect on.
 */
export type Owner = { id: string; clock: RawBuilder<string>; leaseEnd: RawBuilder<string> }

export const leaseSeconds = 15

/**
 * Takes the effect's lease. One that `owner` has itself is free: the caller knows that it does not run the effect.
 * 'settled' says that there is nothing to run, `leasedForMs` how long somebody else has the lease.
 */
export async function claim(
  trx: Trx,
  effectId: string,
  owner: Owner,
  now: string,
): Promise<Effect | 'settled' | { leasedForMs: number }> {
  const row = await trx
    .selectFrom('effects')
    .selectAll()
    .select(owner.clock.as('real_time'))
    .where('effect_id', '=', effectId)
    .executeTakeFirst()
  if (row === undefined || row.status !== 'pending') return 'settled'
  const isOthers = row.claimed_until !== null && row.claimed_by !== owner.id
  const leasedForMs = isOthers ? Date.parse(row.claimed_until ?? '') - Date.parse(row.real_time) : 0
  if (leasedForMs > 0) return { leasedForMs }
  const attempts = row.attempts + 1
  await trx
    .updateTable('effects')
    .set({ claimed_until: owner.leaseEnd, claimed_by: owner.id, attempts, updated_at: now })
    .where('effect_id', '=', effectId)
    .execute()
  return effectOf({ ...row, attempts })
}

/** Keeps the lease for a call that is still under way; one that was lost meanwhile stays lost. */
export async function renew(trx: Trx, effectId: string, owner: Owner): Promise<void> {
  await trx
    .updateTable('effects')
    .set({ claimed_until: owner.leaseEnd })
    .where('effect_id', '=', effectId)
    .where('status', '=', 'pending')
    .where('claimed_by', '=', owner.id)
    .execute()
}

/** Whether the effect was still pending; false: somebody else settled it meanwhile, and nothing was changed. */
export async function settle(
  trx: Trx,
  effectId: string,
  status: 'done' | 'failed',
  now: string,
  lastError: string | null = null,
): Promise<boolean> {
  const settled = await trx
    .updateTable('effects')
    .set({ status, claimed_until: null, claimed_by: null, last_error: lastError, updated_at: now })
    .where('effect_id', '=', effectId)
    .where('status', '=', 'pending')
    .executeTakeFirst()
  return settled.numUpdatedRows > 0n
}

/** Gives the lease back: the effect stays pending. `params`: what the next attempt has to know. */
export async function postpone(
  trx: Trx,
  effectId: string,
  to: { dueAt: string; now: string; lastError: string | null; params?: EffectParams<EffectKind> },
): Promise<void> {
  await trx
    .updateTable('effects')
    .set({
      due_at: to.dueAt,
      claimed_until: null,
      claimed_by: null,
      last_error: to.lastError,
      updated_at: to.now,
      ...(to.params === undefined ? {} : { params: JSON.stringify(to.params) }),
    })
    .where('effect_id', '=', effectId)
    .where('status', '=', 'pending')
    .execute()
}

/** What is due and free to be claimed by `owner`, or run by it already. */
export async function dueEffects(
  reader: Reader,
  owner: Owner,
  now: string,
  limit: number,
): Promise<string[]> {
  const rows = await pendingFor(reader, owner)
    .select('effect_id')
    .where('due_at', '<=', now)
    .orderBy('due_at')
    .limit(limit)
    .execute()
  return rows.map((row) => row.effect_id)
}

/** When the next of them is due that has a time of its own: what only looks around goes along with the others. */
export async function nextDue(reader: Reader, owner: Owner): Promise<string | null> {
  const row = await pendingFor(reader, owner)
    .select('due_at')
    .where('kind', '!=', 'sweep_events')
    .orderBy('due_at')
    .limit(1)
    .executeTakeFirst()
  return row?.due_at ?? null
}

const pendingFor = (reader: Reader, owner: Owner) =>
  reader
    .selectFrom('effects')
    .where('status', '=', 'pending')
    .where((eb) =>
      eb.or([
        eb('claimed_until', 'is', null),
        eb('claimed_until', '<=', owner.clock),
        eb('claimed_by', '=', owner.id),
      ]),
    )

/** For the only process on a database: when it starts, no lease has a holder. */
export async function releaseLeases(trx: Trx): Promise<void> {
  await trx
    .updateTable('effects')
    .set({ claimed_until: null, claimed_by: null })
    .where('claimed_until', 'is not', null)
    .execute()
}

const effectOf = (row: Row<'effects'>): Effect => {
  const kind = row.kind as EffectKind
  if (!(kind in effectKinds)) throw new Error(`No handler for effects of kind ${kind}`)
  return {
    effectId: row.effect_id,
    tenantId: row.tenant_id,
    stream: row.stream,
    kind,
    params: effectKinds[kind].parse(JSON.parse(row.params)),
    attempts: row.attempts,
    createdAt: row.created_at,
  } as Effect
}
