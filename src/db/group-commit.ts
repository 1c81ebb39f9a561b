import { CompiledQuery, type Dialect, DummyDriver, Transaction } from 'kysely'
import { faultOf } from './fault.ts'
import { forgetWhatWasRead } from './savepoint.ts'
import type { Connections } from './sqlite.ts'
import type { Tables, Trx } from './tables.ts'
import type { CommitGroup, Outcome, Work } from './write-lane.ts'

/**
 * Works of one transaction, each in a savepoint of its own: one that throws is undone alone, and all others are written to the
 * disk by one COMMIT. What the database could not do (it is busy, full, or away) is no fault of a work, and fails them all.
 * @param connections whose writer begins its transactions with `beginGroup`
 * @param groupMs works are begun for this long; the last one and the COMMIT come on top
 */
export function groupCommit(
  { writer, dialect }: Connections,
  withSeals: (transaction: Transaction<Tables>) => Transaction<Tables> & Pick<Trx, 'seals'>,
  groupMs: number,
): CommitGroup {
  return (next) =>
    writer.transaction().execute(async (transaction) => {
      const logEnd = { position: undefined, heads: new Map() }
      const trx: Trx = Object.assign(withSeals(transaction), { logEnd })
      const until = performance.now() + groupMs
      const outcomes: Outcome[] = []
      for (let work = next(), following: Work | undefined; work !== undefined; work = following) {
        let outcome = await attempt(trx, lent(trx, dialect, work))
        following = performance.now() < until ? next() : undefined
        const isAlone = outcomes.length === 0 && following === undefined
        // The COMMIT releases it as well; but PostgreSQL refuses it where the work hid an error of the database's, and others
        // would pay for that.
        if ('value' in outcome && !isAlone) {
          const released = await attempt(trx, () => run(trx, following === undefined ? release : afresh))
          if ('error' in released) outcome = released
        }
        outcomes.push(outcome)
      }
      return outcomes
    })
}

/**
 * A work with the transaction for as long as it runs: a query that it has not waited for, and that comes when it has ended, must not
 * come among those of the next work.
 */
const lent = (trx: Trx, dialect: Dialect, work: Work) => async (): Promise<unknown> => {
  let isOver = false
  const executor = trx.getExecutor().withConnectionProvider({
    provideConnection: (consumer) =>
      isOver
        ? Promise.reject(new Error('A query came after the end of its transaction'))
        : trx.getExecutor().provideConnection(consumer),
  })
  const own = new Transaction<Tables>({ config: { dialect }, dialect, driver: new DummyDriver(), executor })
  try {
    return await work(Object.assign(own, { seals: trx.seals, logEnd: trx.logEnd }))
  } finally {
    isOver = true
  }
}

/** How a group's transaction begins: with the lock of all writers, and the savepoint of its first work. */
export const beginGroup = (...statements: string[]) => [...statements, savepoint].join('; ')

const savepoint = 'savepoint work'
const release = 'release savepoint work'
const afresh = `${release}; ${savepoint}`

/** After an error all is as it was at the savepoint, which stands for the work that follows. */
async function attempt(trx: Trx, work: () => Promise<unknown>): Promise<Outcome> {
  try {
    return { value: await work() }
  } catch (error) {
    if (faultOf(error) !== 'other') throw error
    await run(trx, 'rollback to savepoint work')
    forgetWhatWasRead(trx)
    return { error }
  }
}

const run = (trx: Trx, statements: string) => trx.executeQuery(CompiledQuery.raw(statements))
