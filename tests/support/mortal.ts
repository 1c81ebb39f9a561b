import { PostgresDriver } from 'kysely'
import { SqliteDriver } from '../../src/db/sqlite-driver.ts'

/** Of all connections that are opened while it lives: how often they have committed, and whether they still do anything. */
export type Life = {
  commits: number
  killAt: number
  isOver: boolean
  killed: Promise<void>
  kill: () => void
}

/**
 * Connections that die as with a process that is killed: before its `killAt`th commit nothing of a life is written any more, and what it
 * had begun is rolled back, which the database does by itself. `undo` makes drivers as they were.
 */
export function mortality(): { begin: () => Life; undo: () => void } {
  let life = born()
  const drivers = [SqliteDriver.prototype, PostgresDriver.prototype]
  const before = drivers.map((driver) => driver.acquireConnection)
  const counted = new WeakSet<object>()
  for (const driver of drivers) {
    const acquire = driver.acquireConnection
    driver.acquireConnection = async function (this: never) {
      const connection = await acquire.call(this)
      if (counted.has(connection)) return connection
      counted.add(connection)
      const own = life
      const execute = connection.executeQuery.bind(connection)
      connection.executeQuery = async (query) => {
        if (/^\s*rollback/i.test(query.sql)) return execute<never>(query)
        if (/^\s*commit/i.test(query.sql) && !own.isOver) {
          own.commits += 1
          if (own.commits >= own.killAt) own.kill()
        }
        if (own.isOver) throw new Error('killed')
        return execute<never>(query)
      }
      return connection
    }
  }
  return {
    begin: () => {
      life = born()
      return life
    },
    undo: () => {
      for (const [index, driver] of drivers.entries())
        Object.assign(driver, { acquireConnection: before[index] })
    },
  }
}

function born(): Life {
  const { promise: killed, resolve } = Promise.withResolvers<void>()
  const life = {
    commits: 0,
    killAt: Number.POSITIVE_INFINITY,
    isOver: false,
    killed,
    kill: () => {
      life.isOver = true
      resolve()
    },
  }
  return life
}
