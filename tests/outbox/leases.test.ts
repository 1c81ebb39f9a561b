import { setTimeout as sleep } from 'node:timers/promises'
import Sqlite from 'better-sqlite3'
import pg from 'pg'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { startSandbox } from '../../src/stripe-sandbox/sandbox.ts'
import { createPostgres, eachDatabase, type TestDatabase, testKey } from '../support/databases.ts'
import { freePort } from '../support/free-port.ts'
import { type HoldingProxy, startHoldingProxy } from '../support/holding-proxy.ts'
import { type Service, startService } from '../support/service.ts'
import { startProcess } from '../support/service-process.ts'
import { requestsTo, wizard } from '../support/wizard.ts'

let sandbox: Awaited<ReturnType<typeof startSandbox>>
let proxy: HoldingProxy
beforeEach(async () => {
  sandbox = await startSandbox({ file: ':memory:' })
  proxy = await startHoldingProxy(() => sandbox.url)
})
afterEach(async () => {
  await proxy.close()
  await sandbox.close()
})

const serviceOn = (database: TestDatabase): Promise<Service> =>
  startService({ sandbox, environment: { DATABASE_URL: database.url, STRIPE_API_BASE: proxy.url } })

/** Nobody can write, from now until what is returned is called. */
async function takeAway(database: TestDatabase): Promise<() => Promise<void>> {
  if (database.dialect === 'sqlite') {
    const stranger = new Sqlite(database.url.slice('file:'.length))
    stranger.exec('begin immediate')
    return async () => {
      stranger.exec('rollback')
      stranger.close()
    }
  }
  const { pathname } = new URL(database.url)
  const name = pathname.slice(1)
  const admin = new pg.Client({ connectionString: database.url.replace(pathname, '/postgres') })
  await admin.connect()
  await admin.query(`alter database ${name} with allow_connections false`)
  await admin.query('select pg_terminate_backend(pid) from pg_stat_activity where datname = $1', [name])
  return async () => {
    await admin.query(`alter database ${name} with allow_connections true`)
    await admin.end()
  }
}

describe.each(eachDatabase)('leases on $name', ({ create }) => {
  let database: TestDatabase
  let service: Service
  beforeEach(async () => {
    database = await create()
    service = await serviceOn(database)
  })
  afterEach(async () => {
    await service.close()
    await database.close()
  })

  test('a result that could not be written leaves nobody waiting: the same request goes on as soon as it can', async () => {
    const tenant = wizard(service)
    await tenant.start()
    let giveBack = async () => {}
    proxy.delay('POST', '/v1/customers', async () => {
      giveBack = await takeAway(database)
    })
    expect(await tenant.createCustomer()).toMatchObject({
      status: 503,
      body: { error: { code: 'database_busy' } },
    })
    await giveBack()
    expect(await tenant.createCustomer()).toMatchObject({ status: 200 })
    expect((await service.stripe.customers.list()).data).toHaveLength(1)
  })

  test('a running call keeps its lease, and another instance is told how long it lasts at most', async () => {
    const other = await serviceOn(database)
    try {
      const tenant = wizard(service)
      await tenant.start()
      const elsewhere = wizard(other)
      Object.assign(elsewhere.of, tenant.of)
      const { promise: answered, resolve: answer } = Promise.withResolvers<void>()
      const { promise: reached, resolve: reach } = Promise.withResolvers<void>()
      proxy.delay('POST', '/v1/customers', () => {
        reach()
        return answered
      })
      const first = tenant.createCustomer()
      await reached
      const until = async () => {
        const { reader } = service.context.db
        const row = await reader
          .selectFrom('effects')
          .select('claimed_until')
          .where('kind', '=', 'create_customer')
          .executeTakeFirstOrThrow()
        return row.claimed_until ?? ''
      }
      const before = await until()
      await vi.waitFor(async () => expect((await until()) > before).toBe(true), { timeout: 9_000 })
      const refused = await elsewhere.createCustomer()
      expect(refused).toMatchObject({ status: 409, body: { error: { code: 'conflict' } } })
      const seconds = Number(refused.headers.get('Retry-After'))
      expect(seconds).toBeGreaterThanOrEqual(5)
      expect(seconds).toBeLessThanOrEqual(15)
      answer()
      expect(await first).toMatchObject({ status: 200 })
      expect(await elsewhere.createCustomer()).toMatchObject({ status: 200 })
      expect(await requestsTo(service, 'POST', '/v1/customers')).toHaveLength(1)
    } finally {
      await other.close()
    }
  })
})

test('what an instance leaves when it is killed, another takes over after the Retry-After that it told', async () => {
  const database = await createPostgres()
  const survivor = await serviceOn(database)
  const doomed = await startProcess({
    PORT: String(await freePort()),
    DATABASE_URL: database.url,
    STRIPE_SECRET_KEY: 'sk_test_of_the_tests',
    STRIPE_API_BASE: proxy.url,
    PERSONAL_DATA_KEY: testKey.toString('base64'),
  })
  try {
    const tenant = wizard(survivor)
    await tenant.start()
    const reached = proxy.hold('POST', '/v1/customers', 'after')
    const lost = doomed
      .request('POST', '/onboarding/step/create-customer', { session_id: tenant.of.sessionId })
      .catch(() => 'lost')
    await reached
    await doomed.kill('SIGKILL')
    expect(await lost).toBe('lost')

    const refused = await tenant.createCustomer()
    expect(refused.status).toBe(409)
    const seconds = Number(refused.headers.get('Retry-After'))
    expect(seconds).toBeLessThanOrEqual(15)
    await sleep(seconds * 1000)
    expect(await tenant.createCustomer()).toMatchObject({ status: 200 })
    expect((await survivor.stripe.customers.list()).data).toHaveLength(1)
  } finally {
    await doomed.kill('SIGKILL')
    await survivor.close()
    await database.close()
  }
})
