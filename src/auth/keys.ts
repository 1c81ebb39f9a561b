import { createHash, createHmac, randomBytes, randomUUID, timingSafeEqual } from 'node:crypto'
import { z } from 'zod'
import type { Database } from '../db/database.ts'
import { pickFields, timeOut } from '../db/fields.ts'
import type { Reader, Row, Trx } from '../db/tables.ts'
import { InvalidRequest, usedForAnother } from '../errors.ts'
import { derivedUuid } from './derived-uuid.ts'

export type Scope = Row<'api_keys'>['scope']
/** What can be said of a key without giving it away. Times are UTC ISO 8601. */
type KeyListing = Omit<Row<'api_keys'>, 'hash'>

/** A key as the API shows it. */
export const KeyView = z.object({
  id: z.string(),
  scope: z.string(),
  tenant_id: z.string().nullable(),
  created_at: timeOut,
  expires_at: timeOut.nullable(),
  revoked_at: timeOut.nullable(),
})
export type KeyView = z.infer<typeof KeyView>
export const keyView = (row: KeyListing): KeyView => ({ ...pickFields(KeyView, row), id: row.key_id })

export const NewKey = z.object({
  id: z.string(),
  key: z.string().nullable().meta({
    description: 'Shown once: null in the answer to the same request again, under its Idempotency-Key',
  }),
  scope: z.string(),
  tenant_id: z.string().nullable(),
})

type KeyWanted = { scope: Exclude<Scope, 'session'>; tenantId?: string | null; now: Date }
type KeyMade = { id: string; scope: Scope; tenant_id: string | null }

/**
 * Makes a key: `slk_` and 256 random bits. Only its SHA-256 is stored, so this answer is the one time it is shown.
 * @param wanted.tenantId required for the scope tenant, refused for the others
 * @throws InvalidRequest
 */
export function createKey(db: Database, wanted: KeyWanted): Promise<KeyMade & { key: string }> {
  return db.transact((trx) => insertKey(trx, `key_${randomUUID()}`, wanted))
}

/**
 * As `createKey`, once for all that a caller sends under one idempotency key: from the second time on the answer names
 * the key that was made, without showing it.
 * @throws InvalidRequest; AppError idempotency_mismatch
 */
export function createKeyOnce(
  db: Database,
  wanted: KeyWanted,
  { keyId, idempotencyKey }: { keyId: string; idempotencyKey: string },
): Promise<KeyMade & { key: string | null }> {
  const id = `key_${derivedUuid(`key:${keyId}:${idempotencyKey}`)}`
  return db.transact(async (trx) => {
    const made = await trx
      .selectFrom('api_keys')
      .select(['scope', 'tenant_id'])
      .where('key_id', '=', id)
      .executeTakeFirst()
    if (made === undefined) return insertKey(trx, id, wanted)
    if (made.scope !== wanted.scope || made.tenant_id !== (wanted.tenantId ?? null)) throw usedForAnother()
    return { id, key: null, ...made }
  })
}

async function insertKey(
  trx: Trx,
  id: string,
  { scope, tenantId, now }: KeyWanted,
): Promise<KeyMade & { key: string }> {
  if ((scope === 'tenant') !== Boolean(tenantId)) {
    const message =
      scope === 'tenant'
        ? 'a key of the scope tenant needs a tenant'
        : `a key of the scope ${scope} is for every tenant: leave the tenant out`
    throw new InvalidRequest([{ path: 'tenant_id', message }])
  }
  const key = `slk_${randomBytes(32).toString('base64url')}`
  const row: Row<'api_keys'> = {
    key_id: id,
    hash: hashOfKey(key),
    scope,
    tenant_id: tenantId ?? null,
    session_id: null,
    created_at: now.toISOString(),
    expires_at: null,
    revoked_at: null,
  }
  await trx.insertInto('api_keys').values(row).execute()
  return { id, key, scope, tenant_id: row.tenant_id }
}

/** Every key but the sessions' tokens, oldest first. */
export function listKeys(db: Database): Promise<KeyListing[]> {
  return db.reader
    .selectFrom('api_keys')
    .select(['key_id', 'scope', 'tenant_id', 'session_id', 'created_at', 'expires_at', 'revoked_at'])
    .where('scope', '!=', 'session')
    .orderBy('created_at')
    .orderBy('key_id')
    .execute()
}

/** From the next request on nobody gets in with it. False: no such key. Revoking again changes nothing. */
export function revokeKey(db: Database, id: string, now: Date): Promise<boolean> {
  return db.transact(async (trx) => {
    const row = await trx
      .selectFrom('api_keys')
      .select('revoked_at')
      .where('key_id', '=', id)
      .executeTakeFirst()
    if (row === undefined) return false
    if (row.revoked_at === null)
      await trx
        .updateTable('api_keys')
        .set({ revoked_at: now.toISOString() })
        .where('key_id', '=', id)
        .execute()
    return true
  })
}

/** The key's row, unless it is unknown, revoked or expired. */
export async function findKey(reader: Reader, key: string, now: Date): Promise<Row<'api_keys'> | undefined> {
  const hash = hashOfKey(key)
  const row = await reader.selectFrom('api_keys').selectAll().where('hash', '=', hash).executeTakeFirst()
  if (row === undefined || !sameHash(row.hash, hash)) return undefined
  if (row.revoked_at !== null || (row.expires_at !== null && row.expires_at <= now.toISOString()))
    return undefined
  return row
}

/**
 * The token that `start` gives a browser. Derived from the caller's own key, so that a repeated start answers the
 * same token though only its hash is stored.
 */
export function sessionToken(apiKey: string, sessionId: string): string {
  return `sls_${createHmac('sha256', apiKey).update(`session:${sessionId}`).digest('base64url')}`
}

/** In the transaction that starts the session. Storing the same token again changes nothing. */
export async function storeSessionToken(
  trx: Trx,
  session: { token: string; sessionId: string; tenantId: string; now: string; expiresAt: string },
): Promise<void> {
  await trx
    .insertInto('api_keys')
    .values({
      key_id: `key_${randomUUID()}`,
      hash: hashOfKey(session.token),
      scope: 'session',
      tenant_id: session.tenantId,
      session_id: session.sessionId,
      created_at: session.now,
      expires_at: session.expiresAt,
      revoked_at: null,
    })
    .onConflict((conflict) => conflict.column('hash').doNothing())
    .execute()
}

/** Sessions' tokens that no longer open anything. */
export async function forgetExpiredTokens(db: Database, now: Date): Promise<void> {
  await db.transact((trx) =>
    trx
      .deleteFrom('api_keys')
      .where('session_id', 'is not', null)
      .where('expires_at', '<', now.toISOString())
      .execute(),
  )
}

/** SHA-256, hex. Keys have 256 random bits, so nothing slower is needed. */
export const hashOfKey = (key: string) => createHash('sha256').update(key).digest('hex')

export const sameHash = (a: string, b: string) => timingSafeEqual(Buffer.from(a), Buffer.from(b))

/** For a start without ADMIN_API_KEY on a database without an admin key: one, which is shown once. */
export async function firstAdminKey(
  db: Database,
  { adminApiKey }: { adminApiKey: string | undefined },
  now: Date,
): Promise<string | undefined> {
  if (adminApiKey !== undefined) return undefined
  const row = await db.reader
    .selectFrom('api_keys')
    .select('key_id')
    .where('scope', '=', 'admin')
    .where('revoked_at', 'is', null)
    .executeTakeFirst()
  return row === undefined ? (await createKey(db, { scope: 'admin', now })).key : undefined
}
