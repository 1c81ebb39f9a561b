import { Kysely, PostgresAdapter, PostgresDialect, PostgresIntrospector, PostgresQueryCompiler } from 'kysely'
import pg from 'pg'
import type { Tables } from './tables.ts'

/** A pool, for reads and writes. Connects with the first query, and gives up after `patienceMs`. */
export function openPostgres(connectionString: string, patienceMs: number): Kysely<Tables> {
  const int8 = 20
  const types = {
    // Every BIGINT here is below 2^53: quantities are checked at the edge, money and positions are far from it.
    getTypeParser: ((oid: number, format: 'text') =>
      oid === int8 ? Number : pg.types.getTypeParser(oid, format)) as typeof pg.types.getTypeParser,
  }
  const pool = new pg.Pool({ connectionString, types, max: 10, connectionTimeoutMillis: patienceMs })
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
