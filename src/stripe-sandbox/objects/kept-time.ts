import Database from 'better-sqlite3'

/** The sandbox's time by its file, which a running sandbox may have open: unix milliseconds. */
export function keptTimeMs(file: string): number | undefined {
  try {
    const db = new Database(file, { readonly: true })
    try {
      const aheadMs = db.prepare<[], number>('SELECT offset_ms FROM clock').pluck().get()
      return Date.now() + (aheadMs ?? 0)
    } finally {
      db.close()
    }
  } catch {
    // No sandbox's file, or one of before there was a clock in it.
    return undefined
  }
}
