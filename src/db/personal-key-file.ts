import { linkSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs'
import type { Database } from './database.ts'
import { newKey, PersonalKeys } from './personal-keys.ts'
import { syncDirectoryOf, writePrivate } from './private-file.ts'
import { assertPersonalKeys } from './seals.ts'

/** Beside a SQLite database: `forensics.db` has its key in `forensics.personal-data.key`. */
export const personalKeyFile = (databaseUrl: string): string | undefined =>
  databaseUrl.startsWith('file:')
    ? `${databaseUrl.slice('file:'.length).replace(/\.db$/, '')}.personal-data.key`
    : undefined

/**
 * The keys that are there: those of the environment, else of the file. A file is looked at again while the service runs, since
 * a rolled key is written into it.
 * @param source.file default: the one beside the database
 * @throws UnusableKeyFile
 */
export function findPersonalKeys(
  databaseUrl: string,
  source: { keys?: readonly Buffer[] | undefined; file?: string | undefined },
): PersonalKeys {
  const file = keyFileInUse(databaseUrl, source)
  if (file === undefined) return new PersonalKeys(source.keys)
  return keysOfFile(file, source.file !== undefined)
}

/** The file that the keys are in, or will be; undefined: they are in the environment, or nowhere. */
export function keyFileInUse(
  databaseUrl: string,
  source: { keys?: readonly Buffer[] | undefined; file?: string | undefined },
): string | undefined {
  if (source.file !== undefined) return source.file
  if (source.keys !== undefined) return undefined
  return personalKeyFile(databaseUrl)
}

/** @param isNamed by a person: then it must be there; a first start has yet to make the one beside the database */
function keysOfFile(file: string, isNamed: boolean): PersonalKeys {
  let lastStamp = stampOf(file)
  const keys = lastStamp === undefined && !isNamed ? [] : readKeyFile(file)
  return new PersonalKeys(keys, () => {
    const stamp = stampOf(file)
    // Whoever has moved the file away does not stop a service that knows its keys.
    if (stamp === lastStamp || stamp === undefined) return undefined
    lastStamp = stamp
    return readKeyFile(file)
  })
}

/** Another one after each `rewriteKeyFile`. */
function stampOf(file: string): string | undefined {
  const stat = statSync(file, { throwIfNoEntry: false })
  return stat && `${stat.ino} ${stat.mtimeMs} ${stat.size}`
}

/**
 * A new key in a file that only its owner reads, on the disk before anything is sealed by it.
 * @throws when there is one already: a key is never overwritten
 */
export function createKeyFile(file: string): Buffer {
  const key = newKey()
  const next = writeNext(file, [key])
  try {
    linkSync(next, file)
  } finally {
    rmSync(next)
  }
  syncDirectoryOf(file)
  return key
}

/** Replaces the file's keys at once: a crash leaves the old file or the new one. */
export function rewriteKeyFile(file: string, keys: readonly Buffer[]): void {
  renameSync(writeNext(file, keys), file)
  syncDirectoryOf(file)
}

/** Under another name until it is complete. */
function writeNext(file: string, keys: readonly Buffer[]): string {
  const next = `${file}.next`
  rmSync(next, { force: true })
  writePrivate(next, keys.map((key) => `${key.toString('base64')}\n`).join(''))
  return next
}

/** One key a line, base64, the newest first. @throws UnusableKeyFile */
export function readKeyFile(file: string): Buffer[] {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (cause) {
    throw new UnusableKeyFile(`${file} cannot be read`, { cause })
  }
  const lines = text.split('\n').filter(Boolean)
  const keys = lines.map(parseKey).filter((key) => key !== undefined)
  if (keys.length === 0 || keys.length < lines.length)
    throw new UnusableKeyFile(`${file} is not a key file: expected 32 bytes in base64 a line`)
  return keys
}

class UnusableKeyFile extends Error {
  override name = 'UnusableKeyFile'
}

/** 32 bytes in base64; undefined for every other text. */
export function parseKey(text: string): Buffer | undefined {
  const bytes = Buffer.from(text.trim(), 'base64')
  return bytes.length === 32 && bytes.toString('base64') === text.trim() ? bytes : undefined
}

/**
 * Sees to it that what is sealed here can be opened, and that there is a key to seal with: on a database without anything
 * sealed a key file is made. Returns its name when it was.
 * @throws NoPersonalKey; UnusableKeyFile where the setting is needed
 */
export async function ensurePersonalKeys(db: Database, databaseUrl: string): Promise<string | undefined> {
  await assertPersonalKeys(db)
  if (db.personalKeys.ids.length > 0) return undefined
  const file = personalKeyFile(databaseUrl)
  if (file === undefined)
    throw new UnusableKeyFile(
      'missing; with PostgreSQL it is required: 32 bytes in base64 (openssl rand -base64 32)',
    )
  const sealed = await db.reader
    .selectFrom('billing_events')
    .select('position')
    .where('sealed', 'is not', null)
    .limit(1)
    .executeTakeFirst()
  // Its subjects were all erased, or subject_keys was lost: which of the two, a person has to say.
  if (sealed !== undefined)
    throw new UnusableKeyFile(
      'missing, and this database has sealed data: no new key is made for it; set the one that it had, or a new one (openssl rand -base64 32) if all of it was erased',
    )
  db.personalKeys.add(createKeyFile(file))
  return file
}
