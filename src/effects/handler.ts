import { AppError } from '../errors.ts'
import { faultText } from '../logging/mask.ts'
import type { Effect } from './effects.ts'
import type { EffectKind, EffectParams } from './kinds.ts'
import type { Turn } from './turn.ts'

/** How effects of one kind are carried out. `R`: what the call brings. */
export type EffectHandler<K extends EffectKind, R = unknown> = {
  /**
   * The call, outside of any transaction. A `FinalFailure` goes to `refused`. A fault of our own, which would come again
   * and again, likewise; it must be thrown only where nothing was sent. What has a later chance is tried again: an
   * AppError, `Unknown`, a database that is away.
   */
  run(effect: Effect<K>): Promise<R>
  /** Records the result, in the turn that ends the effect; not called when it has ended meanwhile. */
  done(turn: Turn, effect: Effect<K>, result: R): Promise<void>
  /** Records the refusal, likewise. */
  refused?(turn: Turn, effect: Effect<K>, refusal: Error): Promise<void>
}

/** One handler for each kind. */
// biome-ignore lint/suspicious/noExplicitAny: what a call brings is its handler's own matter
export type EffectHandlers = { [K in EffectKind]: EffectHandler<K, any> }

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
  readonly params: EffectParams<EffectKind>
  constructor(cause: Error, params: EffectParams<EffectKind>) {
    super(cause instanceof AppError ? cause.forLog : faultText(cause), { cause })
    this.params = params
  }
}
