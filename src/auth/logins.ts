import { createHmac, randomBytes, randomUUID } from 'node:crypto'
import type { Database } from '../db/database.ts'
import type { Reader } from '../db/tables.ts'
import { hashOfKey } from './keys.ts'

/** The login stands for this key, and is good for as long as the key itself, and no longer than its eight hours. */
export type ConsoleLogin = { loginId: string; keyId: string; expiresAt: string }

const hours = 8

/**
 * Lets a browser in without the key: the answer's `token` is `<key id>.<256 random bits>`. Stored is its HMAC under
 * the key's hash, so that a token is nothing without its key, and no key by itself.
 */
export async function openLogin(
  db: Database,
  { keyId, key, now }: { keyId: string; key: string; now: Date },
): Promise<ConsoleLogin & { token: string }> {
  const token = `${keyId}.${randomBytes(32).toString('base64url')}`
  const loginId = `console_${randomUUID()}`
  const expiresAt = new Date(now.getTime() + hours * 3_600_000).toISOString()
  await db.transact((trx) =>
    trx
      .insertInto('api_keys')
      .values({
        key_id: loginId,
        hash: hashOf(token, hashOfKey(key)),
        // Of this scope, so that upkeep forgets it and no list takes it for a key.
        scope: 'session',
        tenant_id: null,
        session_id: null,
        created_at: now.toISOString(),
        expires_at: expiresAt,
        revoked_at: null,
      })
      .execute(),
  )
  return { loginId, keyId, expiresAt, token }
}

/** Undefined: unknown, closed or expired, or its key is revoked or another one by now. @param adminKey of the settings */
export async function findLogin(
  reader: Reader,
  token: string,
  { adminKey, now }: { adminKey: string | undefined; now: Date },
): Promise<ConsoleLogin | undefined> {
  const keyId = token.slice(0, token.indexOf('.'))
  const keyHash = keyId === 'admin' ? adminKey && hashOfKey(adminKey) : await adminKeyHash(reader, keyId)
  if (keyHash === undefined) return undefined
  const row = await reader
    .selectFrom('api_keys')
    .select(['key_id', 'expires_at'])
    .where('hash', '=', hashOf(token, keyHash))
    .executeTakeFirst()
  if (row === undefined || row.expires_at === null || row.expires_at <= now.toISOString()) return undefined
  return { loginId: row.key_id, keyId, expiresAt: row.expires_at }
}

export async function closeLogin(db: Database, { loginId }: ConsoleLogin): Promise<void> {
  await db.transact((trx) => trx.deleteFrom('api_keys').where('key_id', '=', loginId).execute())
}

async function adminKeyHash(reader: Reader, keyId: string): Promise<string | undefined> {
  const row = await reader
    .selectFrom('api_keys')
    .select('hash')
    .where('key_id', '=', keyId)
    .where('scope', '=', 'admin')
    .where('revoked_at', 'is', null)
    .executeTakeFirst()
  return row?.hash
}

const hashOf = (token: string, keyHash: string) => createHmac('sha256', keyHash).update(token).digest('hex')
