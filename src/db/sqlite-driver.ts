import type Sqlite from 'better-sqlite3'
import { CompiledQuery, type DatabaseConnection, type Driver, type QueryResult } from 'kysely'

/**
 * One connection, shared. Differs from Kysely's own driver in three ways: transactions begin IMMEDIATE (a
 * read-then-write that begins deferred fails at once with SQLITE_BUSY_SNAPSHOT when another process wrote in
 * between), statements are prepared once, and a script of several statements can be run.
 */
export class SqliteDriver implements Driver {
  readonly #database: Sqlite.Database
  readonly #connection: DatabaseConnection
  // Kysely asks for a connection per query or transaction; the lock keeps others out of a running transaction.
  #last: Promise<void> = Promise.resolve()
  #release: () => void = () => {}

  constructor(database: Sqlite.Database) {
    this.#database = database
    this.#connection = new SqliteConnection(database)
  }
  async init(): Promise<void> {}
  async acquireConnection(): Promise<DatabaseConnection> {
    const before = this.#last
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#last = promise
    await before
    this.#release = resolve
    return this.#connection
  }
  async releaseConnection(): Promise<void> {
    this.#release()
  }
  async beginTransaction(connection: DatabaseConnection): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw('begin immediate'))
  }
  async commitTransaction(connection: DatabaseConnection): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw('commit'))
  }
  async rollbackTransaction(connection: DatabaseConnection): Promise<void> {
    // SQLite has rolled back by itself after some errors (disk full): a second rollback would hide the first error.
    if (this.#database.inTransaction) await connection.executeQuery(CompiledQuery.raw('rollback'))
  }
  async destroy(): Promise<void> {
    this.#database.close()
  }
}

class SqliteConnection implements DatabaseConnection {
  readonly #database: Sqlite.Database
  readonly #statements = new Map<string, Sqlite.Statement>()

  constructor(database: Sqlite.Database) {
    this.#database = database
  }

  async executeQuery<R>(query: CompiledQuery): Promise<QueryResult<R>> {
    const statement = this.#prepare(query.sql)
    if (statement === undefined) {
      this.#database.exec(query.sql)
      return { rows: [] }
    }
    if (statement.reader) return { rows: statement.all(query.parameters) as R[] }
    const { changes } = statement.run(query.parameters)
    return { rows: [], numAffectedRows: BigInt(changes) }
  }

  async *streamQuery<R>(query: CompiledQuery): AsyncIterableIterator<QueryResult<R>> {
    // An open iterator keeps the connection busy for writes, so pages are read by position instead.
    yield await this.executeQuery<R>(query)
  }

  /** Undefined: several statements, which SQLite prepares only one by one. */
  #prepare(sql: string): Sqlite.Statement | undefined {
    let statement = this.#statements.get(sql)
    if (statement === undefined) {
      try {
        statement = this.#database.prepare(sql)
      } catch (error) {
        if (error instanceof RangeError) return undefined
        throw error
      }
      if (this.#statements.size >= 500) this.#statements.clear()
      this.#statements.set(sql, statement)
    }
    return statement
  }
}
