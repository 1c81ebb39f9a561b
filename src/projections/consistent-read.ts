import { sql } from 'kysely'
import type { Database } from '../db/database.ts'
import type { Reader } from '../db/tables.ts'

/** Runs `read` on the database as it is at one moment. Writers go on meanwhile, and are not seen. */
export async function readConsistently<T>(db: Database, read: (reader: Reader) => Promise<T>): Promise<T> {
  if (db.dialect === 'postgres')
    return db.reader
      .transaction()
      .setIsolationLevel('repeatable read')
      .setAccessMode('read only')
      .execute(read)
  // Kysely's transactions begin IMMEDIATE here, which would keep writers out.
  return db.reader.connection().execute(async (connection) => {
    await sql`begin deferred`.execute(connection)
    try {
      return await read(connection)
    } finally {
      await sql`rollback`.execute(connection)
    }
  })
}
