import type { Kysely } from 'kysely'
import { faultOf, unavailable } from './fault.ts'
import { groupCommit } from './group-commit.ts'
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
   * Runs `work` in a write transaction, which it may share with others: their works run one after the other, each in a savepoint,
   * and nobody is answered before the commit. Writers go in line in both databases, all processes together (BEGIN IMMEDIATE, an
   * advisory lock), so what `work` reads cannot change before it commits, and positions of the log are gapless and rise in
   * the order of commits. A busy database starts `work` again from its beginning: it must have no other effect than its queries,
   * no network above all, and await nothing but them.
   * @throws AppError database_busy after `patienceMs`, when the disk is full, or when the database was closed or lost
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
/**
 * How long a group of writers takes at most, without its COMMIT. SQLite holds the event loop meanwhile, 20 ms in all; PostgreSQL is awaited,
 * and other instances wait.
 */
const groupMs = { sqlite: 12, postgres: 50 }

/**
 * @param url `file:PATH` (SQLite, made if missing) or `postgres://…`
 * @param personalKeys without them nothing personal can be written or read
 */
export function openDatabase(url: string, personalKeys: PersonalKeys = new PersonalKeys()): Database {
  if (!url.startsWith('file:')) return database('postgres', openPostgres(url, patienceMs), personalKeys)
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
  const commitGroup = groupCommit(connections, withSeals, groupMs[dialect])
  const listeners = new Set<() => void>()
  const lane = writeLane(patienceMs, async (next) => {
    const outcomes = await commitGroup(next)
    if (outcomes.length > 0) for (const listener of listeners) listener()
    return outcomes
  })

  return {
    dialect,
    reader,
    withSeals,
    personalKeys,
    async transact(work) {
      try {
        return await lane.run(work)
      } catch (error) {
        const fault = faultOf(error)
        throw fault === 'other' ? error : unavailable(fault, error)
      }
    },
    scrub: (tables) => (dialect === 'sqlite' ? scrubSqlite(writer) : scrubPostgres(reader, tables)),
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
