import type Sqlite from 'better-sqlite3'
import { CompiledQuery, type DatabaseConnection, type Driver, type QueryResult } from 'kysely'

export type SqliteDriverOptions = {
  open: () => Sqlite.Database
  /** How many connections there are at most; who comes when all are taken waits for one. */
  connections: number
  /** What begins a transaction: a statement, or several. */
  begin: string
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
    await connection.executeQuery(CompiledQuery.raw(this.#options.begin))
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
  // The one that was used last is the last. Null: several statements, which SQLite prepares only one by one.
  readonly #statements = new Map<string, Sqlite.Statement | null>()

  constructor(database: Sqlite.Database) {
    this.database = database
  }

  async executeQuery<R>(query: CompiledQuery): Promise<QueryResult<R>> {
    const statement = this.#prepare(query.sql)
    if (statement === null) {
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

  #prepare(sql: string): Sqlite.Statement | null {
    let statement = this.#statements.get(sql)
    if (statement === undefined) {
      statement = this.#compile(sql)
      const [oldest] = this.#statements.keys()
      if (this.#statements.size >= keptStatements && oldest !== undefined) this.#statements.delete(oldest)
    } else {
      this.#statements.delete(sql)
    }
    this.#statements.set(sql, statement)
    return statement
  }

  #compile(sql: string): Sqlite.Statement | null {
    try {
      return this.database.prepare(sql)
    } catch (error) {
      if (error instanceof RangeError) return null
      throw error
    }
  }
}

const keptStatements = 500
