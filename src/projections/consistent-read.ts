import type { Database } from '../db/database.ts'
import type { Reader } from '../db/tables.ts'

/** Runs `read` on the database as it is at one moment. Writers go on meanwhile, and are not seen. */
export function readConsistently<T>(db: Database, read: (reader: Reader) => Promise<T>): Promise<T> {
  const transaction = db.reader.transaction()
  const consistent =
    db.dialect === 'postgres'
      ? transaction.setIsolationLevel('repeatable read').setAccessMode('read only')
      : transaction
  return consistent.execute((trx) => read(db.withSeals(trx)))
}
