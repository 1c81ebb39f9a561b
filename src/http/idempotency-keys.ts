import { createHash } from 'node:crypto'
import type { Database } from '../db/database.ts'
import { seal, unseal } from '../db/seal.ts'
import { isErased } from '../db/seals.ts'
import { usedForAnother } from '../errors.ts'
import { canonicalJson } from '../log/canonical-json.ts'

/** A request under an idempotency key: whose, which, and what it asks for. */
export type KeyedRequest = {
  keyId: string
  idempotencyKey: string
  tenantId: string | null
  /** `POST /api/v1/…` */
  route: string
  body: unknown
}

/** The key's row, and what opens the reply in it: who does not know the whole request has not got that. */
type HeldKey = { keyId: string; keyHash: string; replyKey: Buffer }

/** `first`: nobody has used the key. `again`: used without a stored reply. */
type Claim = { held: HeldKey } & (
  | { state: 'first' | 'again' }
  | { state: 'stored'; status: number; reply: string }
)

/**
 * Nothing that the caller wrote is kept: keyed hashes know the key and the request again.
 * @throws AppError idempotency_mismatch when the key has been used for another request
 */
export function claimIdempotencyKey(db: Database, request: KeyedRequest, time: Date): Promise<Claim> {
  const { keyId, idempotencyKey, route, body } = request
  const requestDigest = createHash('sha256')
    .update(canonicalJson([idempotencyKey, route, body]))
    .digest('hex')
  const now = time.toISOString()
  return db.transact(async (trx) => {
    const keyHash = await trx.seals.hash(`idempotency key ${idempotencyKey}`, now)
    const requestHash = await trx.seals.hash(`request ${requestDigest}`, now)
    const replyKey = Buffer.from(await trx.seals.hash(`reply to ${requestDigest}`, now), 'hex')
    const held = { keyId, keyHash, replyKey }
    const row = await trx
      .selectFrom('idempotency_keys')
      .selectAll()
      .where('key_id', '=', keyId)
      .where('key_hash', '=', keyHash)
      .executeTakeFirst()
    if (row === undefined) {
      await trx
        .insertInto('idempotency_keys')
        .values({
          key_id: keyId,
          key_hash: keyHash,
          tenant_id: request.tenantId,
          request_hash: requestHash,
          status: null,
          reply: null,
          created_at: now,
        })
        .execute()
      return { held, state: 'first' }
    }
    if (row.request_hash !== requestHash) throw usedForAnother()
    if (row.status === null || row.reply === null) return { held, state: 'again' }
    const { sealed }: StoredReply = JSON.parse(row.reply)
    const reply = unseal(replyKey, purpose, sealed).toString('utf8')
    return { held, state: 'stored', status: row.status, reply }
  })
}

export async function storeReply(
  db: Database,
  { keyId, keyHash, replyKey }: HeldKey,
  { status, reply }: { status: number; reply: string },
): Promise<void> {
  const stored: StoredReply = { tenant_ids: tenantsIn(reply), sealed: seal(replyKey, purpose, reply) }
  await db.transact(async (trx) => {
    // Erased since it was done: the erasure has not seen the reply, and nobody is to get it again.
    for (const tenantId of stored.tenant_ids) if (await isErased(trx, tenantId)) return
    await trx
      .updateTable('idempotency_keys')
      .set({ status, reply: canonicalJson(stored) })
      .where('key_id', '=', keyId)
      .where('key_hash', '=', keyHash)
      .execute()
  })
}

/** The column `reply`. Whom it tells of stands in the clear, so that it can go with each of them. */
type StoredReply = { tenant_ids: string[]; sealed: string }

function tenantsIn(reply: string): string[] {
  const tenants = new Set<string>()
  JSON.parse(reply, (name, value) => {
    if (name === 'tenant_id' && typeof value === 'string') tenants.add(value)
    return value
  })
  return [...tenants].sort()
}

const purpose = 'reply'

/** The request was refused before anything was done: the key is free for its corrected form. */
export async function releaseIdempotencyKey(db: Database, { keyId, keyHash }: HeldKey): Promise<void> {
  await db.transact((trx) =>
    trx
      .deleteFrom('idempotency_keys')
      .where('key_id', '=', keyId)
      .where('key_hash', '=', keyHash)
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
