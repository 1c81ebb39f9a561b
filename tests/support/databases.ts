import { randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { inject } from 'vitest'
import { type Database, openDatabase } from '../../src/db/database.ts'
import { migrate } from '../../src/db/migrate.ts'
import { PersonalKeys } from '../../src/db/personal-keys.ts'

/** The service's own key in tests: every database is opened with it. */
export const testKey = Buffer.alloc(32, 7)
export const testKeys = () => new PersonalKeys([testKey])

/** A migrated database of one test. `close` removes it; `url` is for other processes and second connections. */
export type TestDatabase = Database & { url: string }

/**
 * Both kinds, for `describe.each(eachDatabase)('on $name', ({ create }) => …)`. What holds for the one holds for the
 * other.
 */
export const eachDatabase: { name: string; create: () => Promise<TestDatabase> }[] = [
  { name: 'SQLite', create: createSqlite },
  { name: 'PostgreSQL', create: createPostgres },
]

/** A SQLite file in a directory of its own. */
export async function createSqlite(): Promise<TestDatabase> {
  const directory = await mkdtemp(join(tmpdir(), 'stepledger-test-'))
  return opened(`file:${join(directory, 'test.db')}`, () => rm(directory, { recursive: true, force: true }))
}

/** A fresh database on the test run's PostgreSQL server. */
export async function createPostgres(): Promise<TestDatabase> {
  return createdPostgres('')
}

/** One that sorts text as dictionaries do, where `:` and `;` count less than letters. */
export const createIcuPostgres = (): Promise<TestDatabase> =>
  createdPostgres("template template0 locale_provider icu icu_locale 'en-US-u-ka-shifted'")

async function createdPostgres(options: string): Promise<TestDatabase> {
  const server = inject('postgresUrl')
  const name = `test_${randomUUID().replaceAll('-', '')}`
  await onServer(server, `create database ${name} ${options}`)
  return opened(`${server}/${name}`, () => onServer(server, `drop database ${name} with (force)`))
}

async function opened(url: string, remove: () => Promise<void>): Promise<TestDatabase> {
  const db = openDatabase(url, testKeys())
  await migrate(db)
  const close = async () => {
    await db.close()
    await remove()
  }
  return { ...db, url, close }
}

async function onServer(url: string, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: `${url}/postgres` })
  await client.connect()
  try {
    await client.query(statement)
  } finally {
    await client.end()
  }
}
