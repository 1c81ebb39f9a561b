import { PostgresDriver } from 'kysely'
import { type Config, readConfig } from '../../src/config.ts'
import type { AppContext } from '../../src/context.ts'
import { type Database, openDatabase } from '../../src/db/database.ts'
import { PersonalKeys } from '../../src/db/personal-keys.ts'
import { SqliteDriver } from '../../src/db/sqlite-driver.ts'
import { createLog } from '../../src/logging/log-output.ts'
import { type Erasure, erase } from '../../src/ops/erase.ts'
import { requestHandlers } from '../../src/outbox/stripe-request.ts'
import { operationsUnderWay } from '../../src/outbox/under-way.ts'
import { stripeClient } from '../../src/stripe/client.ts'
import { stripeGateway } from '../../src/stripe/gateway.ts'
import { runnerOf } from './runner.ts'

/**
 * A process that erases a tenant and carries out what follows, and kills itself on the way, at its `killAt`th point: before each
 * write to the database and after each commit is one. `tests/ops/erase-at-each-write.test.ts` forks it.
 */
export type Order = { environment: Record<string, string>; tenantId: string; killAt: number }
/** What it tells: the answer to who asked for the erasure, and at its end how many points there were. */
export type Report = { answer: Erasure } | { points: number }

let points = 0
let killAt = Number.POSITIVE_INFINITY

/** Nothing runs after it: neither the statement nor anything else of this process. */
function point(): void {
  points += 1
  if (points === killAt) process.kill(process.pid, 'SIGKILL')
}

// Every statement of both databases goes through here, those of transactions included.
for (const driver of [SqliteDriver.prototype, PostgresDriver.prototype]) {
  const acquire = driver.acquireConnection
  const counted = new WeakSet<object>()
  driver.acquireConnection = async function (this: never) {
    const connection = await acquire.call(this)
    if (counted.has(connection)) return connection
    counted.add(connection)
    const execute = connection.executeQuery.bind(connection)
    connection.executeQuery = async (query) => {
      if (!isRead.test(query.sql)) point()
      const result = await execute<never>(query)
      if (/^\s*commit/i.test(query.sql)) point()
      return result
    }
    return connection
  }
}

/** Whatever is not known to read is a write. */
const isRead = /^\s*(select|begin|start transaction)\b/i

process.once('message', async ({ environment, tenantId, killAt: at }: Order) => {
  const config = readConfig(environment)
  const db = openDatabase(config.databaseUrl, new PersonalKeys(config.personalDataKeys))
  const context = contextOn(db, config)
  killAt = at
  report({ answer: await erase(context, { actor: 'cli' }, { tenantId, forgive: true, keepStripe: false }) })
  for (const { key } of await operationsUnderWay(db.reader, tenantId)) await context.effects.run(key)
  report({ points })
  await db.close()
  process.disconnect?.()
})

/** What an erasure needs of the service, which starts in half the time without the rest. */
function contextOn(db: Database, config: Config): AppContext {
  const now = () => new Date()
  const { secretKey = '', apiBase } = config.stripe
  const outside = {
    db,
    now,
    stripe: stripeGateway(stripeClient(secretKey, apiBase)),
    log: createLog({ level: 'error', secrets: [], destination: process.stderr }),
  }
  const runner = runnerOf(outside, requestHandlers(outside))
  return {
    ...outside,
    ...runner,
    config,
    recordCounted: async () => {},
    closing: new AbortController().signal,
  }
}

const report = (report: Report) => process.send?.(report)
