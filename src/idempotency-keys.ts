import type { Database } from './db/database.ts'
import { usedForAnother } from './errors.ts'

/** A request under an idempotency key: whose, which, and what it asks for. */
export type KeyedRequest = {
  keyId: string
  idempotencyKey: string
  tenantId: string | null
  /** `POST /api/v1/…` */
  route: string
  bodyHash: string
}

/** `first`: nobody has used the key. `again`: used without a stored reply. */
export type Claim = { state: 'first' | 'again' } | { state: 'stored'; status: number; reply: string }

/** @throws AppError idempotency_mismatch when the key has been used for another request */
export function claimIdempotencyKey(db: Database, request: KeyedRequest, now: Date): Promise<Claim> {
  return db.transact(async (trx) => {
    const row = await trx
      .selectFrom('idempotency_keys')
      .selectAll()
      .where('key_id', '=', request.keyId)
      .where('idempotency_key', '=', request.idempotencyKey)
      .executeTakeFirst()
    if (row === undefined) {
      await trx
        .insertInto('idempotency_keys')
        .values({
          key_id: request.keyId,
          idempotency_key: request.idempotencyKey,
          tenant_id: request.tenantId,
          route: request.route,
          body_hash: request.bodyHash,
          status: null,
          reply: null,
          created_at: now.toISOString(),
        })
        .execute()
      return { state: 'first' }
    }
    if (row.route !== request.route || row.body_hash !== request.bodyHash) throw usedForAnother()
    if (row.status === null || row.reply === null) return { state: 'again' }
    return { state: 'stored', status: row.status, reply: row.reply }
  })
}

export async function storeReply(
  db: Database,
  { keyId, idempotencyKey }: KeyedRequest,
  { status, reply }: { status: number; reply: string },
): Promise<void> {
  await db.transact((trx) =>
    trx
      .updateTable('idempotency_keys')
      .set({ status, reply })
      .where('key_id', '=', keyId)
      .where('idempotency_key', '=', idempotencyKey)
      .execute(),
  )
}

/** The request was refused before anything was done: the key is free for its corrected form. */
export async function releaseIdempotencyKey(
  db: Database,
  { keyId, idempotencyKey }: KeyedRequest,
): Promise<void> {
  await db.transact((trx) =>
    trx
      .deleteFrom('idempotency_keys')
      .where('key_id', '=', keyId)
      .where('idempotency_key', '=', idempotencyKey)
      .where('status', 'is', null)
      .execute(),
  )
}

/** Removes keys that are older than 24 hours. */
export async function forgetIdempotencyKeys(db: Database, now: Date): Promise<void> {
  const before = new Date(now.getTime() - keptForMs).toISOString()
  await db.transact((trx) => trx.deleteFrom('idempotency_keys').where('created_at', '<', before).execute())
}

const keptForMs = 24 * 3_600_000
