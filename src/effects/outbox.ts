import type { Reader, Row, Trx } from '../db/tables.ts'

/** A call to the outside that a committed fact asked for, or a timer. `params` depend on the kind. */
export type Effect = {
  effectId: string
  tenantId: string | null
  /** Of the fact that asked. */
  stream: string
  kind: string
  params: Record<string, unknown>
  /** How often it was begun, this time included. */
  attempts: number
  /** When it was asked for: UTC ISO 8601. */
  createdAt: string
}

/**
 * Puts an effect in the outbox, in the transaction of the fact that asks for it. An id that is there already is left
 * as it is. @param dueAt when the worker takes it at the earliest
 */
export async function enqueue(
  trx: Trx,
  effect: Omit<Effect, 'attempts' | 'createdAt'>,
  dueAt: string,
  now: string,
): Promise<void> {
  await trx
    .insertInto('effects')
    .values({
      effect_id: effect.effectId,
      tenant_id: effect.tenantId,
      stream: effect.stream,
      kind: effect.kind,
      params: JSON.stringify(effect.params),
      status: 'pending',
      attempts: 0,
      due_at: dueAt,
      claimed_until: null,
      last_error: null,
      created_at: now,
      updated_at: now,
    })
    .onConflict((conflict) => conflict.column('effect_id').doNothing())
    .execute()
}

/** As `enqueue`, for what is looked at again and again: one that is there already comes at the earlier time, or anew. */
export async function setTimer(
  trx: Trx,
  timer: Omit<Effect, 'attempts' | 'createdAt'>,
  dueAt: string,
  now: string,
): Promise<void> {
  await enqueue(trx, timer, dueAt, now)
  await trx
    .updateTable('effects')
    .set({ status: 'pending', attempts: 0, due_at: dueAt, last_error: null, updated_at: now })
    .where('effect_id', '=', timer.effectId)
    .where((eb) => eb.or([eb('status', '!=', 'pending'), eb('due_at', '>', dueAt)]))
    .execute()
}

/** 'settled' and 'leased' (somebody else runs it) say why there is nothing to run. */
export async function claim(
  trx: Trx,
  effectId: string,
  now: string,
  until: string,
): Promise<Effect | 'settled' | 'leased'> {
  const row = await trx.selectFrom('effects').selectAll().where('effect_id', '=', effectId).executeTakeFirst()
  if (row === undefined || row.status !== 'pending') return 'settled'
  if (row.claimed_until !== null && row.claimed_until > now) return 'leased'
  const attempts = row.attempts + 1
  await trx
    .updateTable('effects')
    .set({ claimed_until: until, attempts, updated_at: now })
    .where('effect_id', '=', effectId)
    .execute()
  return effectOf({ ...row, attempts })
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
    .set({ status, claimed_until: null, last_error: lastError, updated_at: now })
    .where('effect_id', '=', effectId)
    .where('status', '=', 'pending')
    .executeTakeFirst()
  return settled.numUpdatedRows > 0n
}

/** Gives the lease back: the effect stays pending. `params`: what the next attempt has to know. */
export async function postpone(
  trx: Trx,
  effectId: string,
  to: { dueAt: string; now: string; lastError: string | null; params?: Record<string, unknown> },
): Promise<void> {
  await trx
    .updateTable('effects')
    .set({
      due_at: to.dueAt,
      claimed_until: null,
      last_error: to.lastError,
      updated_at: to.now,
      ...(to.params === undefined ? {} : { params: JSON.stringify(to.params) }),
    })
    .where('effect_id', '=', effectId)
    .where('status', '=', 'pending')
    .execute()
}

export async function pendingEffect(reader: Reader, effectId: string): Promise<Effect | undefined> {
  const row = await reader
    .selectFrom('effects')
    .selectAll()
    .where('effect_id', '=', effectId)
    .where('status', '=', 'pending')
    .executeTakeFirst()
  return row && effectOf(row)
}

export async function dueEffects(reader: Reader, now: string, limit: number): Promise<string[]> {
  const rows = await reader
    .selectFrom('effects')
    .select('effect_id')
    .where('status', '=', 'pending')
    .where('due_at', '<=', now)
    .where((eb) => eb.or([eb('claimed_until', 'is', null), eb('claimed_until', '<=', now)]))
    .orderBy('due_at')
    .limit(limit)
    .execute()
  return rows.map((row) => row.effect_id)
}

/** After a crash of the only process, no lease has a holder. */
export async function releaseLeases(trx: Trx): Promise<void> {
  await trx
    .updateTable('effects')
    .set({ claimed_until: null })
    .where('claimed_until', 'is not', null)
    .execute()
}

const effectOf = (row: Row<'effects'>): Effect => ({
  effectId: row.effect_id,
  tenantId: row.tenant_id,
  stream: row.stream,
  kind: row.kind,
  params: JSON.parse(row.params),
  attempts: row.attempts,
  createdAt: row.created_at,
})
