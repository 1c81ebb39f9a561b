import type { Database } from '../db/database.ts'

/** Tells when a stream of the log has grown. Returns the way to stop that. */
export type StreamWatch = (stream: string, onGrowth: () => void) => () => void

/** What another instance has recorded is seen by looking. */
const lookMs = 1_000

/**
 * One look at the log for all who watch, after each commit here and once a second: a thousand quiet watchers cost a
 * writer no more than one. Nobody looks while nobody watches.
 */
export function watchStreams({ reader, onCommit }: Database): StreamWatch {
  const watchers = new Map<string, Set<() => void>>()
  let cursor: number | undefined
  let looking = false
  let again = false
  let stop = () => {}

  const wake = (streams: Iterable<string>) => {
    for (const stream of streams) for (const onGrowth of watchers.get(stream) ?? []) onGrowth()
  }

  const look = async (): Promise<void> => {
    if (cursor === undefined) {
      const head = await reader
        .selectFrom('billing_events')
        .select((eb) => eb.fn.max('position').as('position'))
        .executeTakeFirst()
      cursor = head?.position ?? 0
      // Whoever read before this look may have missed what came in between.
      wake(watchers.keys())
      return
    }
    const grown = await reader
      .selectFrom('billing_events')
      .select((eb) => ['stream', eb.fn.max('position').as('position')] as const)
      .where('position', '>', cursor)
      .groupBy('stream')
      .execute()
    cursor = Math.max(cursor, ...grown.map(({ position }) => position))
    wake(grown.map(({ stream }) => stream))
  }

  /** One at a time; what is asked for meanwhile is one more. A database that is away is asked again in a second. */
  const lookNow = async (): Promise<void> => {
    again = true
    if (looking) return
    looking = true
    while (again && watchers.size > 0) {
      again = false
      await look().catch(() => {})
    }
    looking = false
  }

  const begin = () => {
    const forget = onCommit(() => void lookNow())
    const timer = setInterval(() => void lookNow(), lookMs).unref()
    stop = () => {
      forget()
      clearInterval(timer)
      cursor = undefined
    }
    void lookNow()
  }

  return (stream, onGrowth) => {
    const ofStream = watchers.get(stream) ?? new Set()
    ofStream.add(onGrowth)
    watchers.set(stream, ofStream)
    if (watchers.size === 1 && ofStream.size === 1) begin()
    return () => {
      if (!ofStream.delete(onGrowth) || ofStream.size > 0) return
      watchers.delete(stream)
      if (watchers.size === 0) stop()
    }
  }
}
