import {
  CompiledQuery,
  type DatabaseConnection,
  type Dialect,
  Kysely,
  PostgresAdapter,
  PostgresDriver,
  PostgresIntrospector,
  type PostgresPool,
  type PostgresPoolClient,
  PostgresQueryCompiler,
  type TransactionSettings,
} from 'kysely'
import pg from 'pg'
import { hasChangedTable } from './fault.ts'
import { beginGroup } from './group-commit.ts'
import type { Connections } from './sqlite.ts'
import { statementNames } from './statement-names.ts'

/**
 * A connection for writes, and several for reads: who writes waits for no reader. They connect with their first query, and give up after
 * `patienceMs`.
 */
export function openPostgres(connectionString: string, patienceMs: number): Connections {
  const connect = (max: number, begin?: string): Dialect => {
    const pool = new pg.Pool({ connectionString, types, max, connectionTimeoutMillis: patienceMs })
    // A connection that the server ends is replaced by the pool, and who used it gets its error from the query; but
    // without listeners, for idle ones on the pool and for the others on themselves, it would end the process.
    pool.on('error', () => {})
    pool.on('connect', (client) => client.on('error', () => {}))
    return {
      createAdapter: () => new PostgresAdapter(),
      createDriver: () => new Driver(pool, begin),
      createIntrospector: (db) => new PostgresIntrospector(db),
      createQueryCompiler: () => new PostgresQueryCompiler(),
    }
  }
  const dialect = connect(1, beginWrite(patienceMs))
  return { reader: new Kysely({ dialect: connect(10) }), writer: new Kysely({ dialect }), dialect }
}

const int8 = 20
const types = {
  // Every BIGINT here is below 2^53: quantities are checked at the edge, money and positions are far from it.
  getTypeParser: ((oid: number, format: 'text') =>
    oid === int8 ? Number : pg.types.getTypeParser(oid, format)) as typeof pg.types.getTypeParser,
}

/**
 * The writers of all instances go one after the other. Who waits for them waits as long as a writer does; a group that another's lock
 * keeps, such as an operator's, is tried again after a moment.
 */
const beginWrite = (patienceMs: number) =>
  beginGroup(
    'begin',
    `set local lock_timeout = ${patienceMs}`,
    `select pg_advisory_xact_lock(${writeLock})`,
    `set local lock_timeout = ${othersLockMs}`,
  )

/** Any number, the same in every instance. */
const writeLock = 7_783_120_101
const othersLockMs = 400

class Driver extends PostgresDriver {
  readonly #begin: string | undefined

  constructor(pool: pg.Pool, begin: string | undefined) {
    super({ pool: naming(pool) })
    this.#begin = begin
  }
  override async beginTransaction(
    connection: DatabaseConnection,
    settings: TransactionSettings,
  ): Promise<void> {
    if (this.#begin === undefined) return super.beginTransaction(connection, settings)
    try {
      await connection.executeQuery(CompiledQuery.raw(this.#begin))
    } catch (error) {
      // It has begun, and then failed.
      await this.rollbackTransaction(connection as never).catch(() => {})
      throw error
    }
  }
}

/** The same pool, whose connections have the server parse and plan a statement that comes again only once. */
function naming(pool: pg.Pool): PostgresPool {
  const names = statementNames()
  const query = async (client: pg.PoolClient, text: string, values: unknown[]) => {
    const name = values.length > 0 ? names.of(text) : undefined
    try {
      return await client.query(name === undefined ? { text, values } : { name, text, values })
    } catch (error) {
      if (hasChangedTable(error)) names.renew()
      throw error
    }
  }
  const connections = new WeakMap<pg.PoolClient, PostgresPoolClient>()
  return {
    async connect() {
      const client = await pool.connect()
      const connection = connections.get(client) ?? {
        query: (text: string, values: unknown[] = []) => query(client, text, values),
        release: (isBroken?: boolean) => client.release(isBroken),
      }
      connections.set(client, connection as PostgresPoolClient)
      return connection as PostgresPoolClient
    },
    end: () => pool.end(),
    options: pool.options,
  }
}
