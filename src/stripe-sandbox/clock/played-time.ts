import type { Store } from '../objects/store.ts'

/** The sandbox's one clock. All that takes a time in it takes it from here. */
export type PlayedTime = {
  /** Unix milliseconds. */
  nowMs(): number
  /** Unix seconds. */
  nowSeconds(): number
  /** Runs `work` as of a moment: what it makes bears this time. */
  at<T>(momentMs: number, work: () => T): T
  /** Lets it stand still at an instant, which the file keeps. */
  holdAt(instantMs: number): void
  /** Lets it run on from where it stands. */
  release(): void
}

/**
 * The machine's time (`base`) and a distance to it, which the file keeps: so it goes on after a restart, and between two
 * moves by itself. It never goes back: when the base does, the distance grows.
 */
export function openPlayedTime({ db }: Store, base: () => number): PlayedTime {
  const keep = db.prepare('INSERT OR REPLACE INTO clock (id, offset_ms) VALUES (1, ?)')
  const kept = db.prepare<[], number>('SELECT offset_ms FROM clock').pluck()
  let offsetMs = kept.get() ?? 0
  let standsAt: number | undefined
  let reachedMs = 0

  const nowMs = () => {
    if (standsAt !== undefined) return standsAt
    const now = base() + offsetMs
    if (now < reachedMs) offsetMs += reachedMs - now
    reachedMs = Math.max(reachedMs, now)
    return reachedMs
  }
  return {
    nowMs,
    nowSeconds: () => Math.floor(nowMs() / 1000),
    at: (momentMs, work) => {
      const before = standsAt
      standsAt = momentMs
      try {
        return work()
      } finally {
        standsAt = before
      }
    },
    holdAt: (instantMs) => {
      standsAt = instantMs
      reachedMs = Math.max(reachedMs, instantMs)
      offsetMs = instantMs - base()
      keep.run(offsetMs)
    },
    release: () => {
      if (standsAt === undefined) return
      offsetMs = standsAt - base()
      standsAt = undefined
      keep.run(offsetMs)
    },
  }
}
