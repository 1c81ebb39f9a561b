import { AppError, type ErrorCode, type ErrorDetails } from '../../src/errors.ts'
import type { Decision } from '../../src/outbox/ask.ts'

/** What a rule comes to, to be compared as a whole or in part; a request's parameters are those under the key `the-key`. */
export type Outcome =
  | { objectId: string }
  | { call: string; targetId: string | null; params: Record<string, unknown> }
  | Refusal

export type Refusal = {
  refused: ErrorCode
  message: string
  details: ErrorDetails
  /** Whether the same request again may get past it. */
  isPassing: boolean
}

/** Cases read `[given, known, wanted, outcome]`: given what is known, when that is wanted, then this. */
export function outcomeOf(decide: () => Decision): Outcome {
  try {
    const decision = decide()
    return 'objectId' in decision ? decision : { ...decision, params: decision.params('the-key') }
  } catch (error) {
    return refusalOf(error)
  }
}

/** As a caller is told. Any other error is a fault, and goes on. */
export function refusalOf(error: unknown): Refusal {
  if (!(error instanceof AppError)) throw error
  const { code: refused, message, details, retryAfterSeconds } = error
  return { refused, message, details, isPassing: retryAfterSeconds !== undefined }
}

/** What a check refuses; undefined where it passes. */
export function refusedBy(check: () => unknown): Refusal | undefined {
  try {
    check()
    return undefined
  } catch (error) {
    return refusalOf(error)
  }
}
