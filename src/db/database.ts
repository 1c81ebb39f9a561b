import { mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import Sqlite from 'better-sqlite3'
import {
  Kysely,
  PostgresAdapter,
  PostgresDialect,
  PostgresIntrospector,
  PostgresQueryCompiler,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
  sql,
} from 'kysely'
import pg from 'pg'
import { AppError } from '../errors.ts'
import { SqliteDriver } from './sqlite-driver.ts'
import type { Reader, Tables, Trx } from './tables.ts'

export type Database = {
  readonly dialect: 'sqlite' | 'postgres'
  /** For reads, outside of transactions. */
  readonly reader: Reader
  /**
   * Runs `work` in the one write transaction. Writers go one after the other in both databases (BEGIN IMMEDIATE, an
   * advisory lock), so what `work` reads cannot change before it commits, and positions of the log are gapless and
   * rise in the order of commits. A busy database restarts the whole of `work`: it must have no other effect than
   * its queries, no network above all.
   * @throws AppError database_busy after `busyTimeoutMs`, or when the disk is full
   */
  transact<T>(work: (trx: Trx) => Promise<T>): Promise<T>
  /** Called after each commit of `transact` in this process. Returns the way to stop that. */
  onCommit(listener: () => void): () => void
  close(): Promise<void>
}

const busyTimeoutMs = 5_000
/** Any number, the same in every instance. */
const writeLock = 7_783_120_101

/** @param url `file:PATH` (SQLite, made if missing) or `postgres://…` */
export function openDatabase(url: string): Database {
  const dialect = url.startsWith('file:') ? 'sqlite' : 'postgres'
  const reader = dialect === 'sqlite' ? openSqlite(url.slice('file:'.length)) : openPostgres(url)
  const listeners = new Set<() => void>()

  const attempt = <T>(work: (trx: Trx) => Promise<T>) =>
    reader.transaction().execute(async (trx) => {
      if (dialect === 'postgres') {
        await sql`select set_config('lock_timeout', ${`${busyTimeoutMs}ms`}, true)`.execute(trx)
        await sql`select pg_advisory_xact_lock(${sql.lit(writeLock)})`.execute(trx)
      }
      return work(trx)
    })

  return {
    dialect,
    reader,
    async transact(work) {
      const giveUpAt = performance.now() + busyTimeoutMs
      for (let pauseMs = 5; ; pauseMs = Math.min(200, pauseMs * 2)) {
        try {
          const result = await attempt(work)
          for (const listener of listeners) listener()
          return result
        } catch (error) {
          const fault = faultOf(error)
          if (fault === 'other') throw error
          if (fault === 'full' || performance.now() > giveUpAt) throw unavailable(fault, error)
          await sleep(pauseMs * (0.5 + Math.random()))
        }
      }
    },
    onCommit(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    close: () => reader.destroy(),
  }
}

function openSqlite(path: string): Reader {
  mkdirSync(dirname(path), { recursive: true })
  // Waiting inside SQLite would stop the event loop: `transact` waits instead.
  const database = new Sqlite(path, { timeout: 50 })
  database.pragma('journal_mode = WAL')
  database.pragma('synchronous = FULL')
  database.pragma('foreign_keys = ON')
  return new Kysely<Tables>({
    dialect: {
      createAdapter: () => new SqliteAdapter(),
      createDriver: () => new SqliteDriver(database),
      createIntrospector: (db) => new SqliteIntrospector(db),
      createQueryCompiler: () => new SqliteQueryCompiler(),
    },
  })
}

function openPostgres(connectionString: string): Reader {
  const int8 = 20
  const types = {
    // Every BIGINT here is below 2^53: quantities are checked at the edge, money and positions are far from it.
    getTypeParser: ((oid: number, format: 'text') =>
      oid === int8 ? Number : pg.types.getTypeParser(oid, format)) as typeof pg.types.getTypeParser,
  }
  const pool = new pg.Pool({ connectionString, types, max: 10, connectionTimeoutMillis: busyTimeoutMs })
  // An idle connection that the server closes is replaced by the pool; without a listener it ends the process.
  pool.on('error', () => {})
  return new Kysely<Tables>({
    dialect: {
      createAdapter: () => new PostgresAdapter(),
      createDriver: () => new PostgresDialect({ pool }).createDriver(),
      createIntrospector: (db) => new PostgresIntrospector(db),
      createQueryCompiler: () => new PostgresQueryCompiler(),
    },
  })
}

type Fault = 'busy' | 'full' | 'other'

/** SQLite's result codes, PostgreSQL's SQLSTATEs, Node's connection errors. */
function faultOf(error: unknown): Fault {
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  if (/^SQLITE_(BUSY|LOCKED)/.test(code) || ['40001', '40P01', '55P03', '57P03', '53300'].includes(code))
    return 'busy'
  if (/^SQLITE_(FULL|IOERR|READONLY|CANTOPEN)/.test(code) || ['53100', '53200', '57P01'].includes(code))
    return 'full'
  if (['ECONNREFUSED', 'ECONNRESET', 'EPIPE'].includes(code)) return 'full'
  return 'other'
}

/** A read or write that the database could not do now, as a caller sees it; undefined for every other error. */
export function databaseUnavailable(error: unknown): AppError | undefined {
  const fault = faultOf(error)
  return fault === 'other' ? undefined : unavailable(fault, error)
}

const unavailable = (fault: Fault, cause: unknown) =>
  new AppError(
    'database_busy',
    fault === 'busy'
      ? 'The database is busy; nothing was changed. Send the same request again.'
      : 'The database cannot write now; nothing was changed. Send the same request again later.',
    { retryAfterSeconds: fault === 'busy' ? 1 : 10, cause },
  )
