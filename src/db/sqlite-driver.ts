import type Sqlite from 'better-sqlite3'
import { CompiledQuery, type DatabaseConnection, type Driver, type QueryResult } from 'kysely'

export type SqliteDriverOptions = {
  open: () => Sqlite.Database
  /** How many connections there are at most; who comes when all are taken waits for one. */
  connections: number
  /**
   * How a transaction begins. One that writes begins IMMEDIATE: a read-then-write that begins DEFERRED fails at once
   * with SQLITE_BUSY_SNAPSHOT when another process wrote in between.
   */
  begin: 'immediate' | 'deferred'
}

/**
 * Differs from Kysely's own driver in four ways: there may be several connections, so that a long read keeps no other
 * waiting; transactions begin as `begin` says; statements are prepared once; a script of several can be run.
 */
export class SqliteDriver implements Driver {
  readonly #options: SqliteDriverOptions
  readonly #opened: SqliteConnection[] = []
  // The one that was given back last is taken first: its statements are prepared.
  readonly #free: SqliteConnection[] = []
  readonly #waiting: ((connection: SqliteConnection) => void)[] = []

  constructor(options: SqliteDriverOptions) {
    this.#options = options
  }
  /** Opens the first connection, so that what is wrong with the file is known now. */
  open(): this {
    this.#free.push(this.#another())
    return this
  }
  async init(): Promise<void> {}
  async acquireConnection(): Promise<SqliteConnection> {
    const free = this.#free.pop()
    if (free !== undefined) return free
    if (this.#opened.length < this.#options.connections) return this.#another()
    return new Promise((resolve) => this.#waiting.push(resolve))
  }
  async releaseConnection(connection: SqliteConnection): Promise<void> {
    const next = this.#waiting.shift()
    if (next !== undefined) next(connection)
    else this.#free.push(connection)
  }
  async beginTransaction(connection: DatabaseConnection): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw(`begin ${this.#options.begin}`))
  }
  async commitTransaction(connection: DatabaseConnection): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw('commit'))
  }
  async rollbackTransaction(connection: SqliteConnection): Promise<void> {
    // SQLite has rolled back by itself after some errors (disk full): a second rollback would hide the first error.
    if (connection.database.inTransaction) await connection.executeQuery(CompiledQuery.raw('rollback'))
  }
  async destroy(): Promise<void> {
    for (const { database } of this.#opened) database.close()
  }

  #another(): SqliteConnection {
    const connection = new SqliteConnection(this.#options.open())
    this.#opened.push(connection)
    return connection
  }
}

class SqliteConnection implements DatabaseConnection {
  readonly database: Sqlite.Database
  readonly #statements = new Map<string, Sqlite.Statement>()

  constructor(database: Sqlite.Database) {
    this.database = database
  }

  async executeQuery<R>(query: CompiledQuery): Promise<QueryResult<R>> {
    const statement = this.#prepare(query.sql)
    if (statement === undefined) {
      this.database.exec(query.sql)
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
        statement = this.database.prepare(sql)
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
