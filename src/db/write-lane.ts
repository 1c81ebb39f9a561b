import { setImmediate as eventLoopRound, setTimeout as sleep } from 'node:timers/promises'
import { backoffMs } from './backoff.ts'
import { DatabaseClosed, faultOf, TurnTooLate } from './fault.ts'
import type { Trx } from './tables.ts'

export type Work = (trx: Trx) => Promise<unknown>
/** What became of a work in a group that was committed: one that threw has left nothing. */
export type Outcome = { value: unknown } | { error: unknown }

/**
 * Carries out works in one transaction, in the order in which `next` gives them, and answers when it is committed.
 * @throws when it is not: then none of them was done, or nobody knows
 */
export type CommitGroup = (next: () => Work | undefined) => Promise<readonly Outcome[]>

/**
 * The line of this process's writers. What waits when a transaction ends shares the next one, first come, first served; who
 * finds the lane idle is served at once. While another process holds the database the lane alone tries for it, and the
 * writers wait without the database's or the event loop's time.
 *
 * A writer enters at the end. It leaves the line with its group, and is answered after the commit. It goes back to its place when
 * the database was too busy for its group: its work is begun again then. It is sent away when it has waited for `patienceMs`,
 * or the lane is closed: then nothing of it was done.
 */
type WriteLane = {
  /** @throws what `work` throws; TurnTooLate, DatabaseClosed; what has failed its whole group */
  run<T>(work: (trx: Trx) => Promise<T>): Promise<T>
  /** Sends away who waits and who comes; resolves when the running group has ended. */
  close(): Promise<void>
}

type Writer = {
  work: Work
  giveUpAt: number
  timer?: NodeJS.Timeout
  answer(outcome: Outcome): void
}

export function writeLane(patienceMs: number, commitGroup: CommitGroup): WriteLane {
  // In the order of arrival, and so of their patience's end.
  let line = new Set<Writer>()
  let arrivals = 0
  let serving: Promise<void> | undefined
  let isClosed = false
  // Why the group before was not begun or not committed, while that lasts.
  let busy: unknown

  const wait = (writer: Writer) => {
    line.add(writer)
    const tooLate = () => sendAway(writer, busy ?? new TurnTooLate())
    writer.timer = setTimeout(tooLate, Math.max(0, writer.giveUpAt - performance.now()))
  }
  const leave = (writer: Writer) => {
    clearTimeout(writer.timer)
    line.delete(writer)
  }
  const sendAway = (writer: Writer, error: unknown) => {
    leave(writer)
    writer.answer({ error })
  }
  const goBack = (group: readonly Writer[]) => {
    const others = line
    line = new Set()
    for (const writer of group) wait(writer)
    for (const writer of others) line.add(writer)
  }

  const serveGroup = async () => {
    const group: Writer[] = []
    const next = () => {
      const [first] = line
      if (first === undefined) return undefined
      leave(first)
      group.push(first)
      return first.work
    }
    try {
      const outcomes = await commitGroup(next)
      busy = undefined
      for (const [index, writer] of group.entries())
        writer.answer(outcomes[index] ?? { error: new Error('A group ended without one of its works') })
    } catch (error) {
      busy = faultOf(error) === 'busy' ? error : undefined
      if (busy !== undefined && !isClosed) return goBack(group)
      // Where it was not even begun, everybody would only hear the same.
      const failed = group.length > 0 ? group : [...line]
      for (const writer of failed) sendAway(writer, busy === undefined ? error : new DatabaseClosed())
    }
  }

  const serve = async () => {
    for (let attempts = 0; line.size > 0; ) {
      if (attempts > 0) await sleep(backoffMs(attempts, { firstMs: 4, longestMs: 25 }))
      else await breathe()
      await serveGroup()
      attempts = busy === undefined ? 0 : attempts + 1
    }
    serving = undefined
  }

  /**
   * SQLite works without a pause: before each group the event loop is for others, as long as that brings writers, which takes no time where
   * there are none. What comes in one round would otherwise be a group for each; and as a round takes one new connection, who comes
   * cold would wait for all of them once for each connection before.
   */
  const breathe = async () => {
    const until = performance.now() + breathMs
    for (let quietRounds = 0; quietRounds < 3 && performance.now() < until; ) {
      const before = arrivals
      await eventLoopRound()
      quietRounds = arrivals === before ? quietRounds + 1 : 0
    }
  }

  return {
    run(work) {
      if (isClosed) return Promise.reject(new DatabaseClosed())
      const { promise, resolve, reject } = Promise.withResolvers<Awaited<ReturnType<typeof work>>>()
      arrivals += 1
      wait({
        work,
        giveUpAt: performance.now() + patienceMs,
        answer: (outcome) =>
          'error' in outcome
            ? reject(outcome.error)
            : resolve(outcome.value as Awaited<ReturnType<typeof work>>),
      })
      serving ??= serve()
      return promise
    },
    async close() {
      isClosed = true
      for (const writer of line) sendAway(writer, new DatabaseClosed())
      await serving
    },
  }
}

/** At most as long as a group takes. */
const breathMs = 20
