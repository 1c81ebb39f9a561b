import { AppError } from '../errors.ts'

/** What keeps a database from doing its work now. `other` is none of that: a bug, or a row that is refused. */
type Fault = 'busy' | 'full' | 'lost' | 'closed' | 'other'

/** SQLite's result codes, PostgreSQL's SQLSTATEs, Node's connection errors. What a caller is told is none, whatever its words. */
export function faultOf(error: unknown): Fault {
  if (error instanceof AppError) return 'other'
  if (error instanceof TurnTooLate) return 'busy'
  if (error instanceof DatabaseClosed) return 'closed'
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  // The next time, it is planned anew.
  if (hasChangedTable(error)) return 'busy'
  if (/^SQLITE_(BUSY|LOCKED)/.test(code) || ['40001', '40P01', '55P03', '57P03', '53300'].includes(code))
    return 'busy'
  if (/^SQLITE_(FULL|IOERR|READONLY|CANTOPEN)/.test(code) || ['53100', '53200'].includes(code)) return 'full'
  if (/^(08...|57P0[12]|ECONN.*|EPIPE|ETIMEDOUT|E(HOST|NET)UNREACH|ENOTFOUND|EAI_AGAIN)$/.test(code))
    return 'lost'
  // A database that takes no connections now; the same SQLSTATE of a statement is a bug.
  if (code === '55000' && error instanceof Error && 'severity' in error && error.severity === 'FATAL')
    return 'lost'
  // The driver's own errors have no code.
  const message = error instanceof Error ? error.message : ''
  return /connection terminated|timeout exceeded when trying to connect|not queryable|connection error/i.test(
    message,
  )
    ? 'lost'
    : 'other'
}

/** PostgreSQL refuses a statement that was prepared before somebody changed the columns that it gives. */
export const hasChangedTable = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && error.code === '0A000' && /cached plan/.test(error.message)

/** A writer that waited for its turn until its patience ended: nothing of its work was done. */
export class TurnTooLate extends Error {
  constructor() {
    super('other writers took too long')
    this.name = 'TurnTooLate'
  }
}

/** Work that came, or was waiting, when the database was closed: nothing of it was done. */
export class DatabaseClosed extends Error {
  constructor() {
    super('the database is closed')
    this.name = 'DatabaseClosed'
  }
}

/** A read or write that the database could not do now, as a caller sees it; undefined for every other error. */
export function databaseUnavailable(error: unknown): AppError | undefined {
  if (error instanceof AppError) return error.code === 'database_busy' ? error : undefined
  const fault = faultOf(error)
  return fault === 'other' ? undefined : unavailable(fault, error)
}

/** What is the matter with the database, in one line for an operator, with the driver's word; undefined: nothing. */
export function databaseProblem(error: unknown): string | undefined {
  const cause = error instanceof AppError && error.code === 'database_busy' ? error.cause : error
  const word = wordOf(cause)
  switch (faultOf(cause)) {
    case 'busy':
      return `the database is locked by another process (${word})`
    case 'full':
      return `the database cannot be written (${word})`
    case 'lost':
      return `the database cannot be reached (${word})`
    case 'closed':
      return word
    case 'other':
      return isDrivers(cause) ? `the database cannot be used (${word})` : undefined
  }
}

function wordOf(error: unknown): string {
  // Of a host with several addresses, each was tried.
  const first = error instanceof AggregateError ? error.errors[0] : error
  return first instanceof Error ? first.message : String(first)
}

/** SQLite's result codes and PostgreSQL's SQLSTATEs, such as that of a wrong password. */
const isDrivers = (error: unknown) =>
  error instanceof Error && 'code' in error && /^(SQLITE_\w+|(?=.*\d)[0-9A-Z]{5})$/.test(String(error.code))

export const unavailable = (fault: Exclude<Fault, 'other'>, cause: unknown) =>
  new AppError('database_busy', words[fault], { retryAfterSeconds: fault === 'busy' ? 1 : 10, cause })

const words = {
  busy: 'The database is busy; nothing was changed. Send the same request again.',
  full: 'The database cannot write now; nothing was changed. Send the same request again later.',
  lost: 'The database cannot be reached; whether this request changed anything is not known. Send it again.',
  closed: 'The service is stopping; nothing was changed. Send the same request again.',
}
