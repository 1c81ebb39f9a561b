import { databaseProblem } from '../db/fault.ts'

/** Why the service did not start: one line, which begins with the setting that it is about. */
export class StartFailure extends Error {
  constructor(setting: string, reason: string, cause: unknown) {
    super(`${setting}: ${reason}`, { cause })
    this.name = 'StartFailure'
  }
}

/** Opens what one setting names. @throws StartFailure, whatever is wrong with it */
export async function opening<T>(setting: string, open: () => T | Promise<T>): Promise<T> {
  try {
    return await open()
  } catch (error) {
    const problem = databaseProblem(error)
    // Whatever is kept in a file is kept beside the database.
    if (problem !== undefined) throw new StartFailure('DATABASE_URL', problem, error)
    throw new StartFailure(setting, wordsOf(error), error)
  }
}

/** First writes and reads: what keeps them from it may be the database. @throws StartFailure when it is */
export async function onDatabase<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    const problem = databaseProblem(error)
    throw problem === undefined ? error : new StartFailure('DATABASE_URL', problem, error)
  }
}

function wordsOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  if (code === 'EADDRINUSE') return 'the port is in use by another process; stop it, or set another port'
  if (code === 'EACCES') return `the port or file is not ours to open (${messageOf(error)})`
  return messageOf(error)
}

const messageOf = (error: unknown) => (error instanceof Error ? error.message : String(error))
