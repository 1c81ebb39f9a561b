import { InvalidRequest } from '../../errors.ts'
import { ImpossiblePast } from '../../ops/past.ts'

/** For `.catch`: a moment that the log does not have is a field that cannot be used. */
export const asInvalid =
  (path: string) =>
  (error: unknown): never => {
    throw error instanceof ImpossiblePast ? new InvalidRequest([{ path, message: error.message }]) : error
  }
