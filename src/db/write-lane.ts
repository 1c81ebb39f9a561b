import { DatabaseClosed, TurnTooLate } from './fault.ts'

/**
 * The line of this process's writers. Its head alone works, and alone tries for a lock that another process holds; the
 * others wait for their turn, without the database's or the event loop's time.
 *
 * A writer enters as head or at the end. It leaves as head when its work has ended, or from the line when it has
 * waited for `patienceMs` or the lane is closed: then none of its work was begun.
 */
type WriteLane = {
  /**
   * Runs `work` in its turn. `giveUpAt` (of `performance.now()`) is when its patience ends, the line included.
   * @throws TurnTooLate, DatabaseClosed
   */
  run<T>(work: (giveUpAt: number) => Promise<T>): Promise<T>
  readonly isClosed: boolean
  /** Sends away who waits and who comes; resolves when the head has ended. */
  close(): Promise<void>
}

export function writeLane(patienceMs: number): WriteLane {
  // In the order of arrival. Each member sends one away who waits.
  const line = new Map<() => void, (error: Error) => void>()
  let hasHead = false
  let isClosed = false
  const closed = Promise.withResolvers<void>()

  const turn = () =>
    new Promise<void>((resolve, reject) => {
      const start = () => {
        clearTimeout(timer)
        line.delete(start)
        resolve()
      }
      const refuse = (error: Error) => {
        clearTimeout(timer)
        line.delete(start)
        reject(error)
      }
      const timer = setTimeout(() => refuse(new TurnTooLate()), patienceMs)
      line.set(start, refuse)
    })

  // The place is handed over, not given up: nobody who comes in between can take it.
  const handOver = () => {
    const [next] = line.keys()
    if (next !== undefined) return next()
    hasHead = false
    if (isClosed) closed.resolve()
  }
  // SQLite works without a pause: between two turns of a long line, the event loop is for others.
  const leave = () => (line.size > 0 ? setImmediate(handOver) : handOver())

  return {
    get isClosed() {
      return isClosed
    },
    async run(work) {
      if (isClosed) throw new DatabaseClosed()
      const giveUpAt = performance.now() + patienceMs
      if (hasHead) await turn()
      hasHead = true
      try {
        return await work(giveUpAt)
      } finally {
        leave()
      }
    },
    close() {
      isClosed = true
      for (const refuse of line.values()) refuse(new DatabaseClosed())
      if (!hasHead) closed.resolve()
      return closed.promise
    },
  }
}
