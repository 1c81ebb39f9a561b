import type { Trx } from '../db/tables.ts'
import { AppError } from '../errors.ts'
import { faultText } from '../logging/mask.ts'
import type { Effect } from './effects.ts'

/** How one kind of effect is carried out. */
export type EffectHandler = {
  /**
   * The call, outside of any transaction. A `FinalFailure` goes to `refused`. A fault of our own, which would come again
   * and again, likewise; it must be thrown only where nothing was sent. What has a later chance is tried again: an
   * AppError, `Unknown`, a database that is away.
   */
  run(effect: Effect): Promise<unknown>
  /** Records the result. In one transaction with the effect's end; not called when it has ended meanwhile. */
  done(trx: Trx, effect: Effect, result: never, now: string): Promise<void>
  /** Records the refusal, likewise. */
  refused?(trx: Trx, effect: Effect, refusal: Error, now: string): Promise<void>
}

/** The outside has said no, and would say it again: the effect is over. `cause` is what the caller gets to see. */
export class FinalFailure extends Error {
  /** For the handler's `refused`. */
  readonly refusal: Error
  constructor(refusal: Error, cause: Error) {
    super(refusal.message, { cause })
    this.refusal = refusal
  }
}

/** The outcome is unknown. `params` replace the effect's for the next attempt; `cause` is what the caller sees. */
export class Unknown extends Error {
  readonly params: Record<string, unknown>
  constructor(cause: Error, params: Record<string, unknown>) {
    super(cause instanceof AppError ? cause.forLog : faultText(cause), { cause })
    this.params = params
  }
}
