import { existsSync } from 'node:fs'
import { readConfig, readPersonalDataKeys } from '../config.ts'
import { type Database, openDatabase } from '../db/database.ts'
import { findPersonalKeys } from '../db/personal-key-file.ts'
import { assertStoredForm } from '../db/stored-form.ts'
import { lastPosition } from '../log/read.ts'
import { Misuse } from './misuse.ts'

/** Every command that opens the database has these. */
export type DatabaseOptions = { database?: string; personalKey?: string; json?: boolean }

/**
 * Runs `work` on the database and closes it.
 * @throws Misuse when there is none: a command that reads makes no database where a name was mistyped
 */
export async function withDatabase<T>(
  options: DatabaseOptions,
  work: (db: Database) => Promise<T>,
): Promise<T> {
  const url = databaseUrl(options)
  if (url.startsWith('file:') && !existsSync(url.slice('file:'.length)))
    throw new Misuse(`there is no database ${url}; stepledger migrate makes one`)
  return withNewDatabase(options, async (db) => {
    await assertSchema(db, url)
    await assertStoredForm(db)
    return work(db)
  })
}

/** As `withDatabase`, for what may be the first command that is run on a database. */
export async function withNewDatabase<T>(
  options: DatabaseOptions,
  work: (db: Database) => Promise<T>,
): Promise<T> {
  const url = databaseUrl(options)
  const keys = readPersonalDataKeys(process.env)
  const db = openDatabase(url, findPersonalKeys(url, { keys, file: options.personalKey }))
  try {
    return await work(db)
  } finally {
    await db.close()
  }
}

/** @throws Misuse */
export function databaseUrl({ database }: DatabaseOptions): string {
  const url = database ?? readConfig(process.env).databaseUrl
  if (!/^(file:.|postgres(ql)?:\/\/)/.test(url))
    throw new Misuse('--database is not accepted; expected file:PATH or postgres://…')
  return url
}

async function assertSchema(db: Database, url: string): Promise<void> {
  try {
    await lastPosition(db.reader)
  } catch (error) {
    const isMissing = error instanceof Error && /no such table|relation .* does not exist/.test(error.message)
    if (!isMissing) throw error
    const name = url.startsWith('file:') ? url : 'the database'
    throw new Misuse(`${name} has no log; stepledger migrate makes the tables`)
  }
}
