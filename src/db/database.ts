import { setTimeout as sleep } from 'node:timers/promises'
import { type Kysely, sql } from 'kysely'
import { backoffMs } from './backoff.ts'
import { DatabaseClosed, faultOf, unavailable } from './fault.ts'
import { PersonalKeys } from './personal-keys.ts'
import { openPostgres } from './postgres.ts'
import { scrubPostgres, scrubSqlite } from './scrub.ts'
import { freshSealsOf, sealsOf } from './seals.ts'
import { type Connections, openScratchSqlite, openSqlite } from './sqlite.ts'
import type { Reader, Seals, Tables, Trx } from './tables.ts'
import { writeLane } from './write-lane.ts'

export type Database = {
  readonly dialect: 'sqlite' | 'postgres'
  /** For reads, outside of transactions: they never wait for a writer. */
  readonly reader: Reader
  /**
   * Runs `work` in the one write transaction. Writers go one after the other in both databases (BEGIN IMMEDIATE, an
   * advisory lock), so what `work` reads cannot change before it commits, and positions of the log are gapless and
   * rise in the order of commits. A busy database restarts the whole of `work`: it must have no other effect than
   * its queries, no network above all.
   * @throws AppError database_busy after `patienceMs`, when the disk is full, or when the database was closed
   */
  transact<T>(work: (trx: Trx) => Promise<T>): Promise<T>
  /** A transaction on `reader`, with the means to open what is sealed. */
  withSeals<D extends Kysely<Tables>>(transaction: D): D & { readonly seals: Seals }
  /** The service's keys of personal data. */
  readonly personalKeys: PersonalKeys
  /**
   * What was deleted or overwritten in these tables goes from the database's files too. False: somebody still reads them
   * as they were, and it is not gone yet; the same again, later, does it.
   */
  scrub(tables: readonly (keyof Tables)[]): Promise<boolean>
  /** Called after each commit of `transact` in this process. Returns the way to stop that. */
  onCommit(listener: () => void): () => void
  /** Lets the running transaction end; those that wait for their turn are refused. */
  close(): Promise<void>
}

/** How long a writer waits: for those before it, and for another process's lock. */
const patienceMs = 5_000
/** Any number, the same in every instance. */
const writeLock = 7_783_120_101

/**
 * @param url `file:PATH` (SQLite, made if missing) or `postgres://…`
 * @param personalKeys without them nothing personal can be written or read
 */
export function openDatabase(url: string, personalKeys: PersonalKeys = new PersonalKeys()): Database {
  if (!url.startsWith('file:')) {
    const pool = openPostgres(url, patienceMs)
    return database('postgres', { reader: pool, writer: pool }, personalKeys)
  }
  const path = url.slice('file:'.length)
  return database(
    'sqlite',
    path === ':memory:' ? openScratchSqlite(path) : openSqlite(path, patienceMs),
    personalKeys,
  )
}

/**
 * A SQLite file that is this one's alone until it is closed, such as a fold of the log beside the live tables.
 * @param seals of the database whose facts are folded here
 */
export const openScratch = (path: string, seals: Seals): Database =>
  database('sqlite', openScratchSqlite(path), new PersonalKeys(), seals)

function database(
  dialect: Database['dialect'],
  connections: Connections,
  personalKeys: PersonalKeys,
  seals?: Seals,
): Database {
  const withSeals: Database['withSeals'] = (transaction) =>
    Object.assign(transaction, { seals: seals ?? sealsOf(transaction, personalKeys) })
  const { writer } = connections
  const reader = Object.assign(connections.reader, {
    seals: seals ?? freshSealsOf(connections.reader, personalKeys),
  })
  const lane = writeLane(patienceMs)
  const listeners = new Set<() => void>()

  const transaction = <T>(work: (trx: Trx) => Promise<T>, giveUpAt: number) =>
    writer.transaction().execute(async (trx) => {
      if (dialect === 'postgres') {
        const leftMs = Math.max(1, Math.ceil(giveUpAt - performance.now()))
        await sql`select set_config('lock_timeout', ${`${leftMs}ms`}, true)`.execute(trx)
        await sql`select pg_advisory_xact_lock(${sql.lit(writeLock)})`.execute(trx)
      }
      return work(withSeals(trx))
    })

  /** The head of the line tries until its patience ends; who waits behind it would only come later. */
  const untilFree = async <T>(work: (trx: Trx) => Promise<T>, giveUpAt: number): Promise<T> => {
    for (let attempts = 1; ; attempts += 1) {
      try {
        return await transaction(work, giveUpAt)
      } catch (error) {
        if (faultOf(error) !== 'busy' || performance.now() >= giveUpAt) throw error
        if (lane.isClosed) throw new DatabaseClosed()
        await sleep(backoffMs(attempts, { firstMs: 4, longestMs: 25 }))
      }
    }
  }

  return {
    dialect,
    reader,
    withSeals,
    personalKeys,
    async transact(work) {
      let result: Awaited<ReturnType<typeof work>>
      try {
        result = await lane.run((giveUpAt) => untilFree(work, giveUpAt))
      } catch (error) {
        const fault = faultOf(error)
        throw fault === 'other' ? error : unavailable(fault, error)
      }
      for (const listener of listeners) listener()
      return result
    },
    scrub: (tables) =>
      dialect === 'sqlite' ? scrubSqlite((work) => lane.run(work), writer) : scrubPostgres(writer, tables),
    onCommit(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    async close() {
      await lane.close()
      await writer.destroy()
      if (connections.reader !== writer) await reader.destroy()
    },
  }
}
