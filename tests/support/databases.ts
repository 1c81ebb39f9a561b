import { randomUUID } from 'node:crypto'
import { copyFile, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Sqlite from 'better-sqlite3'
import pg from 'pg'
import { inject } from 'vitest'
import { type Database, openDatabase } from '../../src/db/database.ts'
import { migrate } from '../../src/db/migrate.ts'
import { PersonalKeys } from '../../src/db/personal-keys.ts'

/** The service's own key in tests: every database is opened with it. */
export const testKey = Buffer.alloc(32, 7)
export const testKeys = () => new PersonalKeys([testKey])

/** A database of one test, with the schema. `close` removes it; `url` is for other processes and second connections. */
export type TestDatabase = Database & { url: string }

export type FreshDatabase = { url: string; remove: () => Promise<void> }

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
  return opened(await freshSqlite((file) => copyFile(inject('migratedSqlite'), file)))
}

/** A fresh database on the test run's PostgreSQL server. */
export async function createPostgres(): Promise<TestDatabase> {
  return opened(await freshPostgres(`template ${inject('migratedPostgres')}`))
}

/** One that sorts text as dictionaries do, where `:` and `;` count less than letters. */
export async function createIcuPostgres(): Promise<TestDatabase> {
  const db = opened(
    await freshPostgres("template template0 locale_provider icu icu_locale 'en-US-u-ka-shifted'"),
  )
  await migrate(db)
  return db
}

/** Makes databases, which nobody has opened yet, with what is in this one now. It is of no other use from then on. */
export async function templateOf(origin: TestDatabase): Promise<() => Promise<FreshDatabase>> {
  if (origin.dialect === 'sqlite') {
    const path = origin.url.slice('file:'.length)
    return () =>
      freshSqlite(async (file) => {
        const source = new Sqlite(path, { readonly: true })
        await source.backup(file)
        source.close()
      })
  }
  const name = new URL(origin.url).pathname.slice(1)
  // A template must have no connections.
  await onServer(inject('postgresUrl'), `alter database ${name} with allow_connections false`)
  await onServer(
    inject('postgresUrl'),
    `select pg_terminate_backend(pid) from pg_stat_activity where datname = '${name}'`,
  )
  return () => freshPostgres(`template ${name}`)
}

async function freshPostgres(options: string): Promise<FreshDatabase> {
  const server = inject('postgresUrl')
  const name = `test_${randomUUID().replaceAll('-', '')}`
  // Files are copied: what PostgreSQL does by default, page by page through its log, takes several times as long.
  await onServer(server, `create database ${name} ${options} strategy file_copy`)
  return {
    url: `${server}/${name}`,
    remove: () => onServer(server, `drop database ${name} with (force)`),
  }
}

async function freshSqlite(fill: (file: string) => Promise<void> = async () => {}): Promise<FreshDatabase> {
  const directory = await mkdtemp(join(tmpdir(), 'stepledger-test-'))
  const file = join(directory, 'test.db')
  await fill(file)
  return { url: `file:${file}`, remove: () => rm(directory, { recursive: true, force: true }) }
}

function opened({ url, remove }: FreshDatabase): TestDatabase {
  const db = openDatabase(url, testKeys())
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
