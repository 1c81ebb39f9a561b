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
import { keepPrivate } from './private-file.ts'
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

  const transaction = <T>(work: (trx: Trx) => Promise<T>) =>
    reader.transaction().execute(async (trx) => {
      if (dialect === 'postgres') {
        await sql`select set_config('lock_timeout', ${`${busyTimeoutMs}ms`}, true)`.execute(trx)
        await sql`select pg_advisory_xact_lock(${sql.lit(writeLock)})`.execute(trx)
      }
      return work(trx)
    })

  // Writers would wait for each other inside PostgreSQL, each on a connection that readers need: they wait here.
  let lastWriter: Promise<unknown> = Promise.resolve()
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const turn = lastWriter.then(work)
    lastWriter = turn.catch(() => {})
    return turn
  }

  return {
    dialect,
    reader,
    async transact(work) {
      const giveUpAt = performance.now() + busyTimeoutMs
      for (let pauseMs = 5; ; pauseMs = Math.min(200, pauseMs * 2)) {
        try {
          const result = await inTurn(() => {
            if (performance.now() > giveUpAt)
              throw unavailable('busy', new Error('other writers took too long'))
            return transaction(work)
          })
          for (const listener of listeners) listener()
          return result
        } catch (error) {
          const fault = faultOf(error)
          if (fault === 'other') throw error
          if (fault !== 'busy' || performance.now() > giveUpAt) throw unavailable(fault, error)
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
  keepPrivate(path)
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
  // A connection that the server ends is replaced by the pool, and who used it gets its error from the query; but
  // without listeners, for idle ones on the pool and for the others on themselves, it would end the process.
  pool.on('error', () => {})
  pool.on('connect', (client) => client.on('error', () => {}))
  return new Kysely<Tables>({
    dialect: {
      createAdapter: () => new PostgresAdapter(),
      createDriver: () => new PostgresDialect({ pool }).createDriver(),
      createIntrospector: (db) => new PostgresIntrospector(db),
      createQueryCompiler: () => new PostgresQueryCompiler(),
    },
  })
}

type Fault = 'busy' | 'full' | 'lost' | 'other'

/** SQLite's result codes, PostgreSQL's SQLSTATEs, Node's connection errors. */
function faultOf(error: unknown): Fault {
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  if (/^SQLITE_(BUSY|LOCKED)/.test(code) || ['40001', '40P01', '55P03', '57P03', '53300'].includes(code))
    return 'busy'
  if (/^SQLITE_(FULL|IOERR|READONLY|CANTOPEN)/.test(code) || ['53100', '53200'].includes(code)) return 'full'
  if (/^(08...|57P0[12]|ECONN.*|EPIPE|ETIMEDOUT)$/.test(code)) return 'lost'
  // The driver's own errors have no code.
  const message = error instanceof Error ? error.message : ''
  return /connection terminated|timeout exceeded when trying to connect|not queryable|connection error/i.test(
    message,
  )
    ? 'lost'
    : 'other'
}

/** A read or write that the database could not do now, as a caller sees it; undefined for every other error. */
export function databaseUnavailable(error: unknown): AppError | undefined {
  const fault = faultOf(error)
  return fault === 'other' ? undefined : unavailable(fault, error)
}

const unavailable = (fault: Exclude<Fault, 'other'>, cause: unknown) =>
  new AppError('database_busy', words[fault], { retryAfterSeconds: fault === 'busy' ? 1 : 10, cause })

const words = {
  busy: 'The database is busy; nothing was changed. Send the same request again.',
  full: 'The database cannot write now; nothing was changed. Send the same request again later.',
  lost: 'The database cannot be reached; whether this request changed anything is not known. Send it again.',
}
