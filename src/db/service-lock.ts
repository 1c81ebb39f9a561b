import { existsSync, mkdirSync, realpathSync } from 'node:fs'
import { dirname } from 'node:path'
import Sqlite from 'better-sqlite3'
import { keepPrivate } from './private-file.ts'

/**
 * Takes a SQLite database for this service alone: two would each carry out the other's effects. Commands of the
 * command line may write beside it. The lock is the operating system's, on a file beside the database: it ends with
 * the process, however that ends. Returns the way to give it back.
 * @throws DatabaseInUse
 */
export function lockForService(path: string): () => void {
  const file = existsSync(path) ? realpathSync(path) : path
  mkdirSync(dirname(file), { recursive: true })
  keepPrivate(`${file}.lock`)
  const lock = new Sqlite(`${file}.lock`, { timeout: 0 })
  try {
    lock.exec('begin exclusive')
  } catch (error) {
    lock.close()
    if (error instanceof Sqlite.SqliteError && error.code.startsWith('SQLITE_BUSY'))
      throw new DatabaseInUse(path)
    throw error
  }
  return () => lock.close()
}

/** Another service runs on this database. */
class DatabaseInUse extends Error {
  constructor(path: string) {
    super(`another service runs on the database ${path}; stop it, or name another database`)
    this.name = 'DatabaseInUse'
  }
}
