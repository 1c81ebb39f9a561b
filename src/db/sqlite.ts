import { mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import Sqlite from 'better-sqlite3'
import { type Dialect, Kysely, SqliteAdapter, SqliteIntrospector, SqliteQueryCompiler } from 'kysely'
import { beginGroup } from './group-commit.ts'
import { keepPrivate } from './private-file.ts'
import { SqliteDriver } from './sqlite-driver.ts'
import type { Tables } from './tables.ts'

/** How a database is read and written: by connections of their own, or by one for both. `dialect`: the writer's. */
export type Connections = { reader: Kysely<Tables>; writer: Kysely<Tables>; dialect: Dialect }

/**
 * Reads have connections of their own, which see what is committed and wait for no writer: not for this process's, and
 * not for another's that holds the lock.
 * @throws when the file cannot be opened, or is locked for longer than `patienceMs`
 */
export function openSqlite(path: string, patienceMs: number): Connections {
  mkdirSync(dirname(path), { recursive: true })
  keepPrivate(path)
  const driver = new SqliteDriver({
    // Waiting inside SQLite stops the event loop. Here nothing runs yet; from then on it is `transact` that waits.
    open: () => configured(new Sqlite(path, { timeout: patienceMs })),
    connections: 1,
    begin: beginWrite,
  })
  const dialect = dialectOn(driver.open())
  const readers = new SqliteDriver({
    // The file may be recovered by another process at this moment, which takes no time.
    open: () => new Sqlite(path, { timeout: 50, fileMustExist: true }),
    connections: 8,
    begin: 'begin',
  })
  return { reader: new Kysely({ dialect: dialectOn(readers) }), writer: new Kysely({ dialect }), dialect }
}

/** One connection for both: a file that nobody else opens, or `:memory:`, which every connection has for itself. */
export function openScratchSqlite(path: string): Connections {
  keepPrivate(path)
  const open = () => configured(new Sqlite(path))
  const dialect = dialectOn(new SqliteDriver({ open, connections: 1, begin: beginWrite }))
  const both = new Kysely<Tables>({ dialect })
  return { reader: both, writer: both, dialect }
}

/** IMMEDIATE: a read-then-write that begins DEFERRED fails at once with SQLITE_BUSY_SNAPSHOT when another process wrote in between. */
const beginWrite = beginGroup('begin immediate')

function configured(database: Sqlite.Database): Sqlite.Database {
  database.pragma('journal_mode = WAL')
  database.pragma('synchronous = FULL')
  database.pragma('foreign_keys = ON')
  // What is deleted is overwritten: an erased person must not stand in a free page.
  database.pragma('secure_delete = ON')
  database.pragma('busy_timeout = 0')
  return database
}

const dialectOn = (driver: SqliteDriver): Dialect => ({
  createAdapter: () => new Adapter(),
  createDriver: () => driver,
  createIntrospector: (db) => new SqliteIntrospector(db),
  createQueryCompiler: () => new SqliteQueryCompiler(),
})

/** Kysely would keep all on one connection, and migrations out of transactions, for the sake of other drivers. */
class Adapter extends SqliteAdapter {
  override get supportsMultipleConnections(): boolean {
    return true
  }
  override get supportsTransactionalDdl(): boolean {
    return true
  }
}
