import { PostgresDriver } from 'kysely'
import { SqliteDriver } from '../../src/db/sqlite-driver.ts'

/** Notes what goes through the drivers, on connections that are opened from now on. `undo` makes drivers as they were. */
export function countStatements(): { statements: string[]; commits: number; undo: () => void } {
  const drivers = [SqliteDriver.prototype, PostgresDriver.prototype]
  const before = drivers.map((driver) => driver.acquireConnection)
  const counted = new WeakSet<object>()
  const counts = {
    statements: [] as string[],
    commits: 0,
    undo: () => {
      for (const [index, driver] of drivers.entries())
        Object.assign(driver, { acquireConnection: before[index] })
    },
  }
  for (const driver of drivers) {
    const acquire = driver.acquireConnection
    driver.acquireConnection = async function (this: never) {
      const connection = await acquire.call(this)
      if (counted.has(connection)) return connection
      counted.add(connection)
      const execute = connection.executeQuery.bind(connection)
      connection.executeQuery = (query) => {
        counts.statements.push(query.sql)
        if (/^\s*commit/i.test(query.sql)) counts.commits += 1
        return execute<never>(query)
      }
      return connection
    }
  }
  return counts
}
