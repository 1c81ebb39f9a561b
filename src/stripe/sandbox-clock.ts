import { AppError, InvalidRequest } from '../errors.ts'
import type { Move } from '../stripe-sandbox/clock/player.ts'
import { StripeFailure as SandboxRefusal } from '../stripe-sandbox/objects/errors.ts'
import type { Sandbox } from '../stripe-sandbox/sandbox.ts'

/** The clock of a sandbox. A service that talks to one has no other: time is played there, and the service goes along. */
export type SandboxClock = {
  now(): Date
  /** Asks the sandbox for its time, where it is not read in this process. */
  look(): Promise<void>
  /** Whether a move is played at this moment. */
  isPlaying(): Promise<boolean>
  /**
   * Plays all that happens until a time (unix seconds), instant by instant, with every follower.
   * @throws AppError invalid_request when it has passed; stripe_unavailable
   */
  advanceTo(time: number): Promise<Move>
}

/** For all that a follower does at an instant, whose answer the sandbox waits ten seconds for. */
export const goAlongMs = 8_000

export const hasPassed = () => new InvalidRequest([{ path: 'now', message: 'has passed already' }])

/** The clock of a sandbox in this process: read where it is. */
export const embeddedClock = ({ clock }: Pick<Sandbox, 'clock'>): SandboxClock => ({
  now: () => new Date(clock.nowMs()),
  look: async () => {},
  isPlaying: async () => clock.isPlaying(),
  advanceTo: (time) =>
    clock.advanceTo(time).catch((error) => {
      if (!(error instanceof SandboxRefusal)) throw error
      if (error.status === 400) throw hasPassed()
      throw new AppError('stripe_unavailable', error.message, { cause: error, retryAfterSeconds: 2 })
    }),
})
