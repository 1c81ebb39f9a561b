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
    forgetWhatWasRead(trx)
    // SQLite has rolled all back by itself after some errors, and a lost connection takes no statement: the first
    // error is the one to be heard.
    await sql`rollback to savepoint part`.execute(trx).catch(() => {})
    await sql`release savepoint part`.execute(trx).catch(() => {})
    throw error
  }
}

/** For a rollback: a key that was made since is not stored, and the log ends where it did. All is read again. */
export function forgetWhatWasRead({ seals, logEnd }: Trx): void {
  seals.forgetKeys()
  logEnd.position = undefined
  logEnd.heads.clear()
}
