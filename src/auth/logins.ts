import { createHmac, randomBytes, randomUUID } from 'node:crypto'
import { databaseClock } from '../db/clock.ts'
import type { Database } from '../db/database.ts'
import type { Reader } from '../db/tables.ts'
import { hashOfKey } from './keys.ts'

/** The login stands for this key, and is good for as long as the key itself, and no longer than its eight hours. */
type ConsoleLogin = { loginId: string; keyId: string; expiresAt: string }

/** Of real time, as the cookie in the browser: whoever plays time from the console stays in. */
const seconds = 8 * 3600

/**
 * Lets a browser in without the key: the answer's `token` is `<key id>.<256 random bits>`. Stored is its HMAC under
 * the key's hash, so that a token is nothing without its key, and no key by itself.
 */
export async function openLogin(
  db: Database,
  { keyId, key }: { keyId: string; key: string },
): Promise<ConsoleLogin & { token: string }> {
  const token = `${keyId}.${randomBytes(32).toString('base64url')}`
  const loginId = `console_${randomUUID()}`
  const { expires_at: expiresAt } = await db.transact((trx) =>
    trx
      .insertInto('api_keys')
      .values({
        key_id: loginId,
        hash: hashOf(token, hashOfKey(key)),
        // Of this scope, so that no list takes it for a key.
        scope: 'session',
        tenant_id: null,
        session_id: null,
        created_at: databaseClock(db.dialect),
        expires_at: databaseClock(db.dialect, seconds),
        revoked_at: null,
      })
      .returning('expires_at')
      .$narrowType<{ expires_at: string }>()
      .executeTakeFirstOrThrow(),
  )
  return { loginId, keyId, expiresAt, token }
}

/** Undefined: unknown, closed or expired, or its key is revoked or another one by now. @param adminKey of the settings */
export async function findLogin(
  { reader, dialect }: Pick<Database, 'reader' | 'dialect'>,
  token: string,
  adminKey: string | undefined,
): Promise<ConsoleLogin | undefined> {
  const keyId = token.slice(0, token.indexOf('.'))
  const keyHash = keyId === 'admin' ? adminKey && hashOfKey(adminKey) : await adminKeyHash(reader, keyId)
  if (keyHash === undefined) return undefined
  const row = await reader
    .selectFrom('api_keys')
    .select(['key_id', 'expires_at'])
    .where('hash', '=', hashOf(token, keyHash))
    .where('expires_at', '>', databaseClock(dialect))
    .$narrowType<{ expires_at: string }>()
    .executeTakeFirst()
  if (row === undefined) return undefined
  return { loginId: row.key_id, keyId, expiresAt: row.expires_at }
}

export async function closeLogin(db: Database, { loginId }: ConsoleLogin): Promise<void> {
  await db.transact((trx) => trx.deleteFrom('api_keys').where('key_id', '=', loginId).execute())
}

export async function forgetEndedLogins(db: Database): Promise<void> {
  await db.transact((trx) =>
    trx
      .deleteFrom('api_keys')
      .where('scope', '=', 'session')
      .where('session_id', 'is', null)
      .where('expires_at', '<=', databaseClock(db.dialect))
      .execute(),
  )
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
