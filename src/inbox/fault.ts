import { databaseUnavailable } from '../db/fault.ts'
import { AppError } from '../errors.ts'
import { faultText } from '../logging/mask.ts'

/**
 * Whether an exception is a fault of the code, or of the event, and would come again with it. A database that is away
 * or busy says nothing about the event: Stripe sends it again.
 */
export const isFault = (error: unknown) =>
  databaseUnavailable(error) === undefined && !(error instanceof AppError && error.code === 'database_busy')

/** Why a faulty event is quarantined: begins with `fault: `. */
export const faultReason = (error: unknown) => `${prefix}${faultText(error)}`

/** Whether an event was quarantined for a fault, not because it contradicts what we know. */
export const isFaultReason = (reason: string | null) => reason?.startsWith(prefix) === true

const prefix = 'fault: '
