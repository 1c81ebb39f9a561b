import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import type { Database } from './database.ts'
import { newKey, PersonalKeys } from './personal-keys.ts'
import { assertPersonalKeys } from './seals.ts'

/** Beside a SQLite database: `forensics.db` has its key in `forensics.personal-data.key`. */
export const personalKeyFile = (databaseUrl: string): string | undefined =>
  databaseUrl.startsWith('file:')
    ? `${databaseUrl.slice('file:'.length).replace(/\.db$/, '')}.personal-data.key`
    : undefined

/**
 * The keys that are there: those of the environment, else of the file. A file is read again when a key is missing, since a
 * rolled key stands in it while the service runs.
 * @param source.file default: the one beside the database
 * @throws UnusableKeyFile
 */
export function findPersonalKeys(
  databaseUrl: string,
  source: { keys?: readonly Buffer[] | undefined; file?: string | undefined },
): PersonalKeys {
  if (source.file === undefined && source.keys !== undefined) return new PersonalKeys(source.keys)
  const file = source.file ?? personalKeyFile(databaseUrl)
  if (file === undefined || (source.file === undefined && !existsSync(file))) return new PersonalKeys()
  const read = () => readKeyFile(file)
  return new PersonalKeys(read(), read)
}

/** A new key in a file that only its owner reads. @throws when there is one already: a key is never overwritten */
export function createKeyFile(file: string): Buffer {
  const key = newKey()
  writeFileSync(file, `${key.toString('base64')}\n`, { mode: 0o600, flag: 'wx' })
  return key
}

/** Replaces the file's keys at once: a crash leaves the old file or the new one. */
export function rewriteKeyFile(file: string, keys: readonly Buffer[]): void {
  const next = `${file}.next`
  writeFileSync(next, keys.map((key) => `${key.toString('base64')}\n`).join(''), { mode: 0o600 })
  renameSync(next, file)
}

/** One key a line, base64, the newest first. @throws UnusableKeyFile */
export function readKeyFile(file: string): Buffer[] {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (cause) {
    throw new UnusableKeyFile(`${file} cannot be read`, { cause })
  }
  const keys = text.split('\n').filter(Boolean).map(parseKey)
  if (keys.length === 0 || keys.includes(undefined))
    throw new UnusableKeyFile(`${file} is not a key file: expected 32 bytes in base64 a line`)
  return keys as Buffer[]
}

export class UnusableKeyFile extends Error {
  override name = 'UnusableKeyFile'
}

/** 32 bytes in base64; undefined for every other text. */
export function parseKey(text: string): Buffer | undefined {
  const bytes = Buffer.from(text.trim(), 'base64')
  return bytes.length === 32 && bytes.toString('base64') === text.trim() ? bytes : undefined
}

/**
 * Sees to it that what is sealed here can be opened, and that there is a key to seal with: on a database without anything
 * sealed a key file is made.
 * @throws NoPersonalKey; UnusableKeyFile where a server's database needs the setting
 */
export async function ensurePersonalKeys(db: Database, databaseUrl: string): Promise<void> {
  await assertPersonalKeys(db)
  if (db.personalKeys.ids.length > 0) return
  const file = personalKeyFile(databaseUrl)
  if (file === undefined)
    throw new UnusableKeyFile(
      'missing; with PostgreSQL it is required: 32 bytes in base64 (openssl rand -base64 32)',
    )
  db.personalKeys.add(createKeyFile(file))
}
