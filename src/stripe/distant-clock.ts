import { setTimeout as sleep } from 'node:timers/promises'
import { z } from 'zod'
import { AppError } from '../errors.ts'
import { hasPassed, type SandboxClock } from './sandbox-clock.ts'

/**
 * The clock of a sandbox in another process, as it is known here: set by each of the sandbox's calls and answers, it runs
 * on by itself from there, stands while a move is played, and never goes back.
 */
export type DistantClock = SandboxClock & {
  /** Takes the time of a call of the sandbox's, unix seconds: a move is played then. */
  called(now: number): void
  /**
   * Lets the sandbox call this address at every instant. It keeps the address; `isPlaying` tells it again when it was
   * away, or when this has failed.
   * @throws when the sandbox does not answer, or refuses
   */
  register(url: string): Promise<void>
}

const lookMs = 3_000
/** Between two looks at a move. */
const pauseMs = 500

/** The clock at this base, or undefined when what answers there is no sandbox. @throws when nobody answers */
export async function distantClock(base: string): Promise<DistantClock | undefined> {
  let timeMs = 0
  /** Of `performance.now()`: since when the time runs on. Undefined: it stands. */
  let runsSinceMs: number | undefined
  let address: string | undefined
  /** Or does not know of this service yet. */
  let isAway = false

  const nowMs = () => timeMs + (runsSinceMs === undefined ? 0 : performance.now() - runsSinceMs)
  /** Where it is ahead it waits. The sandbox tells whole seconds. */
  const set = (seconds: number, isPlaying: boolean) => {
    timeMs = Math.max(Math.floor(nowMs()), seconds * 1000)
    runsSinceMs = isPlaying || timeMs >= (seconds + 1) * 1000 ? undefined : performance.now()
  }
  const ask = async (path: string, timeoutMs?: number, body?: object): Promise<Response> =>
    fetch(new URL(path, base), {
      ...(body && { method: 'POST', body: JSON.stringify(body) }),
      ...(timeoutMs && { signal: AbortSignal.timeout(timeoutMs) }),
      redirect: 'error',
    })
  const look = async () => {
    const { now, is_playing } = clockShape.parse(await (await ask(path, lookMs)).json())
    set(now, is_playing)
    return is_playing
  }
  const register = async (url: string) => {
    address = url
    isAway = true
    const { ok, status } = await ask(`${path}/followers`, lookMs, { url })
    if (!ok) throw new Error(`the sandbox takes no follower: ${status}`)
    isAway = false
  }

  /** Waits for the end of the move under way: it may have come to this time (unix seconds). */
  const isReached = async (time: number) => {
    try {
      while (await look()) await sleep(pauseMs)
      return nowMs() >= time * 1000
    } catch {
      return false
    }
  }

  const first = clockShape.safeParse(await jsonOf(await ask(path, lookMs)))
  if (!first.success) return undefined
  set(first.data.now, first.data.is_playing)
  return {
    now: () => new Date(nowMs()),
    called: (now) => set(now, true),
    look: async () => {
      await look()
    },
    register,
    async isPlaying() {
      try {
        const isPlaying = await look()
        if (isAway && address !== undefined) await register(address)
        isAway = false
        return isPlaying
      } catch {
        isAway = true
        return false
      }
    },
    async advanceTo(time) {
      let answer: Response
      try {
        answer = await ask(path, undefined, { now: time })
      } catch (cause) {
        // `fetch` waits five minutes for an answer, and a long move takes longer.
        if (await isReached(time)) return { now: time, dropped: [] }
        throw new AppError('stripe_unavailable', 'The sandbox does not answer', {
          cause,
          retryAfterSeconds: 2,
        })
      }
      if (answer.status === 400) throw hasPassed()
      return moveShape.parse(await answer.json())
    },
  }
}

const path = '/_sandbox/clock'
const clockShape = z.object({ now: z.int(), is_playing: z.boolean().default(false) })
const moveShape = z.object({ now: z.int(), dropped: z.array(z.string()) })

/** Whatever a server answers that has no such page. */
const jsonOf = (answer: Response): Promise<unknown> => answer.json().catch(() => undefined)
