import { backoffMs } from '../db/backoff.ts'
import { databaseUnavailable } from '../db/fault.ts'
import type { Effect } from '../effects/effects.ts'
import { FinalFailure, Unknown } from '../effects/handler.ts'
import { longestWaitMs } from '../effects/kinds.ts'
import { AppError } from '../errors.ts'
import { faultText } from '../logging/mask.ts'
import { notSent, StripeFailure } from '../stripe/failure.ts'

/** When it is tried again, and what the next attempt has to know. */
export function postponement(effect: Effect, error: unknown, time: (offsetMs?: number) => string) {
  const longestMs = longestWaitMs[effect.kind] ?? 3_600_000
  return {
    dueAt: time(backoffMs(effect.attempts, { firstMs: 2_000, longestMs })),
    now: time(),
    lastError: reasonOf(error),
    ...(error instanceof Unknown ? { params: error.params } : {}),
  }
}

/** A fault that nobody foresaw, such as a fact that does not fit or a text that has no encoding. */
export const isOwnFault = (error: unknown) =>
  !(error instanceof FinalFailure || error instanceof Unknown || error instanceof AppError) &&
  !(error instanceof StripeFailure || databaseUnavailable(error) !== undefined) &&
  !(error instanceof Error && error.name === 'AbortError')

export function finalFault(fault: unknown): FinalFailure {
  const failure = notSent(fault)
  return new FinalFailure(failure, failure.toAppError())
}

/** What may stand in the row: whatever an error quotes, such as an e-mail address that Stripe refuses, may not. */
export function reasonOf(error: unknown): string {
  if (error instanceof AppError) return error.forLog
  return error instanceof FinalFailure || error instanceof Unknown ? error.message : faultText(error)
}
