import type { Logger } from 'pino'
import type { Config } from './config.ts'
import type { Database } from './db/database.ts'
import type { Transact } from './effects/turn.ts'
import { AppError } from './errors.ts'
import type { StripeGateway } from './stripe/gateway.ts'
import type { SandboxClock } from './stripe/sandbox-clock.ts'

/** What every use case gets: made once by `main.ts` (or by a test), never changed. */
export type AppContext = {
  config: Config
  db: Database
  log: Logger
  /** The only clock of the service: the sandbox's, where it follows one. */
  now: () => Date
  /** Whose time it is, where it is played. */
  sandboxClock?: SandboxClock | undefined
  /** Undefined when STRIPE_ENABLED is false; `requireStripe` refuses then. */
  stripe: StripeGateway | undefined
  effects: EffectRunner
  /** The one way to write facts. */
  transact: Transact
  /** Has what this process has counted of its own API's calls in the log, before lines are made; never fails. */
  recordCounted(): Promise<void>
  /** Aborted when the service stops: long replies end then. */
  closing: AbortSignal
}

export type EffectRunner = {
  /**
   * Carries an effect out now and returns when it has ended; two calls at once share one run. An effect that has
   * ended already is left alone.
   * @throws the refusal, or what stopped this attempt; AppError conflict when another process is at it
   */
  run(effectId: string): Promise<void>
  /**
   * Carries out all that is due, and waits until none of this process's effects is due or running. Answers when the next
   * one is due, UTC ISO 8601: now, where there is more to do than a caller waits for (by default, as long as an instant may take).
   * @throws when nothing has ended for as long
   */
  catchUp(patienceMs?: number): Promise<string | null>
  /** Takes up what is due, and what a crash has left, until `stop`. */
  start(): void
  /** Resolves when the running effects have ended. */
  stop(): Promise<void>
}

/** @throws AppError stripe_disabled */
export function requireStripe({ stripe }: Pick<AppContext, 'stripe'>): StripeGateway {
  if (stripe !== undefined) return stripe
  throw new AppError(
    'stripe_disabled',
    'This service runs with STRIPE_ENABLED=false: it records usage and answers reads only',
    {
      retryAfterSeconds: 3600,
    },
  )
}
