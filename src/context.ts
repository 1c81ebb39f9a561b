import type { Logger } from 'pino'
import type { Config } from './config.ts'
import type { Database } from './db/database.ts'
import type { EffectRunner } from './outbox/runner.ts'
import { AppError } from './errors.ts'
import type { Metadata } from './log/facts.ts'
import type { StripeGateway } from './stripe/gateway.ts'

/** What every use case gets: made once by `main.ts` (or by a test), never changed. */
export type AppContext = {
  config: Config
  db: Database
  log: Logger
  /** The only clock of the service. */
  now: () => Date
  /** Undefined when STRIPE_ENABLED is false; `requireStripe` refuses then. */
  stripe: StripeGateway | undefined
  effects: EffectRunner
  /** Aborted when the service stops: long replies end then. */
  closing: AbortSignal
}

/** Who asks, as it goes in the metadata of the facts. */
export type By = { actor: string; requestId?: string | undefined }

/** Who asks and how far that reaches: `tenantId` and `sessionId` are null where the key is good for all. */
export type Caller = By & { tenantId: string | null; sessionId: string | null }

export const metadataOf = ({ actor, requestId }: By, more: Partial<Metadata> = {}): Metadata => ({
  actor,
  ...(requestId === undefined ? {} : { request_id: requestId }),
  ...more,
})

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
