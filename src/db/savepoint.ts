import { sql } from 'kysely'
import type { Trx } from './tables.ts'

/** Runs `work`. What it throws undoes what it has written, and nothing else of the transaction, which can go on. */
export async function inSavepoint<T>(trx: Trx, work: () => Promise<T>): Promise<T> {
  await sql`savepoint part`.execute(trx)
  try {
    const result = await work()
    await sql`release savepoint part`.execute(trx)
    return result
  } catch (error) {
    // A key that was made in there is not stored: nothing more may be sealed by it.
    trx.seals.forgetKeys()
    // SQLite has rolled all back by itself after some errors, and a lost connection takes no statement: the first
    // error is the one to be heard.
    await sql`rollback to savepoint part`.execute(trx).catch(() => {})
    await sql`release savepoint part`.execute(trx).catch(() => {})
    throw error
  }
}
