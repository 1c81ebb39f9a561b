import type { Webhooks } from '../delivery/webhooks.ts'
import { invalidRequest, StripeFailure } from '../objects/errors.ts'
import type { Follower, Followers } from './followers.ts'
import type { PlayedTime } from './played-time.ts'
import { nobody, type Runner } from './runner.ts'
import { arriveTestClocks, failTestClocks } from './test-clock.ts'

/** `now`: unix seconds. `dropped`: names of the followers that did not go along to the end. */
export type Move = { now: number; dropped: string[] }

export type Player = {
  /**
   * Moves the clock to a time (unix seconds), which `targetOf` says once it is this move's turn: moves go one after the
   * other. @throws StripeFailure 400 for a time that has passed
   */
  move(targetOf: (now: number) => number): Promise<Move>
  isPlaying(): boolean
  /** Ends the move under way at the instant that it has reached, and refuses every other. */
  close(): Promise<void>
}

const followerTimeoutMs = 10_000
/** The end of the year 9999. */
const endOfTime = 253_402_300_799
/** So that no circle of followers, and no traffic from elsewhere, keeps an instant from ending. */
const mostRounds = 50

/**
 * Plays a move instant by instant, in whole seconds, from now to the target: at both, and wherever a timer, a delivery or
 * a follower is due between them. The clock stands at an instant until it is over:
 *
 * 1. timers that are due are played and deliveries made, until neither is due; one that failed is due later;
 * 2. each follower is called;
 * 3. if events were made meanwhile, or a follower has more to do at this instant, again from 1, fifty times at most.
 *
 * A follower that fails, answers nothing in 10 s or comes to no end is out of this move.
 */
export function createPlayer(options: {
  time: PlayedTime
  runner: Runner
  webhooks: Webhooks
  followers: Followers
}): Player {
  const { time, runner, webhooks, followers } = options
  const closing = new AbortController()
  let last: Promise<unknown> = Promise.resolve()
  let isPlaying = false

  const closed = new Promise<never>((_, reject) => {
    closing.signal.addEventListener('abort', () => reject(closing.signal.reason))
  })
  closed.catch(() => {})

  const play = async (targetOf: (now: number) => number): Promise<Move> => {
    closing.signal.throwIfAborted()
    const asked = targetOf(time.nowSeconds())
    if (asked < time.nowSeconds() || asked > endOfTime) throw unreachable(asked, time.nowSeconds())
    const start = Math.ceil(time.nowMs() / 1000)
    const target = Math.max(asked, start)
    const company = createCompany(followers, closing.signal)
    isPlaying = true
    try {
      for (let instant = start; ; ) {
        time.holdAt(instant * 1000)
        await playInstant(instant, company)
        if (instant === target) break
        const due = [runner.nextDue(), webhooks.nextDue(), company.nextDue()].filter(isTime)
        instant = Math.max(instant + 1, Math.min(target, ...due))
      }
      runner.run(nobody, arriveTestClocks)
      await settle(target)
      return { now: target, dropped: company.dropped() }
    } catch (error) {
      if (!closing.signal.aborted) runner.run(nobody, failTestClocks)
      throw error
    } finally {
      isPlaying = false
      time.release()
    }
  }

  const playInstant = async (instant: number, company: Company) => {
    for (let round = 1; round <= mostRounds; round += 1) {
      await settle(instant)
      const before = runner.eventsMade()
      await company.call(instant)
      closing.signal.throwIfAborted()
      if (runner.eventsMade() === before && !isDue(instant) && !company.isDue(instant)) return
    }
    company.dropDue(instant)
  }

  const settle = async (instant: number) => {
    do {
      runner.runDue()
      // What is on its way when the sandbox closes is delivered, or is due when it starts again.
      await Promise.race([webhooks.deliverDue(), closed])
    } while (isDue(instant))
  }

  const isDue = (instant: number) =>
    [runner.nextDue(), webhooks.nextDue()].some((due) => due !== null && due <= instant)

  return {
    move: (targetOf) => {
      const move = last.then(() => play(targetOf))
      last = move.catch(() => {})
      return move
    },
    isPlaying: () => isPlaying,
    close: async () => {
      closing.abort(
        new StripeFailure(503, {
          type: 'api_error',
          message: 'The sandbox is closed: the move has ended on its way.',
        }),
      )
      await last
    },
  }
}

/** The followers of one move. */
type Company = {
  call(instant: number): Promise<void>
  nextDue(): number | null
  isDue(instant: number): boolean
  /** Goes on without those that still have something to do at an instant. */
  dropDue(instant: number): void
  dropped(): string[]
}

function createCompany(followers: Followers, closing: AbortSignal): Company {
  const out = new Set<Follower>()
  const dropped = new Set<string>()
  const next = new Map<Follower, number | null>()
  const drop = (name: string, follower: Follower) => {
    out.add(follower)
    dropped.add(name)
    next.delete(follower)
  }
  const nextDue = () => {
    const times = [...next.values()].filter(isTime)
    return times.length === 0 ? null : Math.min(...times)
  }
  return {
    call: async (instant) => {
      next.clear()
      for (const { name, follower } of followers.all()) {
        if (out.has(follower)) continue
        try {
          next.set(follower, await answerOf(follower, instant, closing))
        } catch {
          drop(name, follower)
        }
      }
    },
    nextDue,
    isDue: (instant) => (nextDue() ?? Number.POSITIVE_INFINITY) <= instant,
    dropDue: (instant) => {
      for (const { name, follower } of followers.all())
        if ((next.get(follower) ?? Number.POSITIVE_INFINITY) <= instant) drop(name, follower)
    },
    dropped: () => [...dropped],
  }
}

async function answerOf(follower: Follower, now: number, closing: AbortSignal): Promise<number | null> {
  const signal = AbortSignal.any([AbortSignal.timeout(followerTimeoutMs), closing])
  const { promise, reject } = Promise.withResolvers<never>()
  signal.addEventListener('abort', () => reject(signal.reason))
  const due = await Promise.race([follower(now, signal), promise])
  return due === null ? null : Math.ceil(due)
}

const isTime = (time: number | null): time is number => time !== null

function unreachable(asked: number, now: number) {
  return invalidRequest(
    asked < now
      ? `The clock cannot go back: it is ${now}, and ${asked} has passed.`
      : `The clock goes to ${endOfTime}.`,
    { code: 'parameter_invalid_integer', param: 'now' },
  )
}
