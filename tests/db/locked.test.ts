import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate, setTimeout as sleep } from 'node:timers/promises'
import Sqlite from 'better-sqlite3'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { openDatabase } from '../../src/db/database.ts'
import { createSqlite, type TestDatabase, testKeys } from '../support/databases.ts'
import { startProcess } from '../support/service-process.ts'

let directory: string
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'stepledger-locked-'))
})
afterEach(() => rm(directory, { recursive: true, force: true }))

/** Somebody else, such as the sqlite3 shell in another window. */
function holdLock(url: string) {
  const stranger = new Sqlite(url.slice('file:'.length))
  stranger.exec('begin immediate')
  return () => {
    stranger.exec('rollback')
    stranger.close()
  }
}

test('while somebody holds the database, reads and liveness go on, and each of 150 writers is told to come again', async () => {
  const url = `file:${join(directory, 'service.db')}`
  const service = await startProcess({
    PORT: '0',
    DATABASE_URL: url,
    STRIPE_ENABLED: 'false',
    LOG_LEVEL: 'fatal',
  })
  try {
    const release = holdLock(url)
    let refused = 0
    const writers = Array.from({ length: 150 }, async (_, serial) => {
      const applicant = { email: `a${serial}@example.com`, name: 'A', company_name: 'A' }
      for (let tries = 0; ; tries += 1) {
        const reply = await service.request('POST', '/onboarding/start', applicant)
        if (reply.status === 200) return tries
        expect(reply).toMatchObject({ status: 503, body: { error: { code: 'database_busy' } } })
        if (tries === 0) refused += 1
      }
    })
    const done = Promise.all(writers)
    // All of this comes back while the database is held: nothing of it waits for the end of that.
    while (refused < writers.length) {
      expect((await fetch(`${service.url}/health`)).status).toBe(200)
      expect((await service.request('GET', '/billing/plans')).status).toBe(200)
      await Promise.race([sleep(20), done])
    }
    release()
    for (const tries of await done) expect(tries).toBeGreaterThan(0)
  } finally {
    await service.kill('SIGTERM')
  }
})

test('150 writers that wait for a lock in vain all give up, and the event loop is free meanwhile', async () => {
  const db = await createSqlite()
  const release = holdLock(db.url)
  try {
    let waiting = 150
    const since = performance.now()
    const writers = Array.from({ length: waiting }, () =>
      db
        .transact(async () => {})
        .catch((error: unknown) => {
          waiting -= 1
          return error
        }),
    )
    for (let reads = 0; reads < 10; reads += 1) {
      await setImmediate()
      expect(await db.reader.selectFrom('billing_events').selectAll().execute()).toEqual([])
    }
    expect(waiting).toBe(150)
    for (const refusal of await Promise.all(writers))
      expect(refusal).toMatchObject({ code: 'database_busy', retryAfterSeconds: 1 })
    expect(performance.now() - since).toBeLessThan(5_500)
  } finally {
    release()
    await db.close()
  }
})

test('a writer goes on as soon as the lock is free, and those behind it in the order in which they came', async () => {
  const db = await createSqlite()
  const release = holdLock(db.url)
  try {
    const order: number[] = []
    const writers = [1, 2, 3].map((serial) => db.transact(async () => void order.push(serial)))
    expect(await db.reader.selectFrom('billing_events').selectAll().execute()).toEqual([])
    release()
    await Promise.all(writers)
    expect(order).toEqual([1, 2, 3])
  } finally {
    await db.close()
  }
})

test('a long read at one moment keeps neither readers nor writers waiting, and sees nothing of what they do', async () => {
  const db = await createSqlite()
  const keys = () => db.reader.selectFrom('api_keys').select('key_id').execute()
  try {
    await db.reader.transaction().execute(async (moment) => {
      const at = () => moment.selectFrom('api_keys').select('key_id').execute()
      expect(await at()).toEqual([])
      await addKey(db)
      expect(await keys()).toHaveLength(1)
      expect(await at()).toEqual([])
    })
  } finally {
    await db.close()
  }
})

test('a database that is closed lets its running transaction end, and refuses those that wait and that come', async () => {
  const db = await createSqlite()
  const other = openDatabase(db.url, testKeys())
  const { promise: goOn, resolve: letGo } = Promise.withResolvers<void>()
  const begun = Promise.withResolvers<void>()
  const running = db.transact(async (trx) => {
    begun.resolve()
    await goOn
    await trx.insertInto('api_keys').values(aKey).execute()
  })
  await begun.promise
  const waiting = expect(db.transact(async () => 'done')).rejects.toMatchObject({ code: 'database_busy' })
  const closed = db.close()
  await waiting
  await expect(db.transact(async () => 'done')).rejects.toMatchObject({ code: 'database_busy' })
  letGo()
  await running
  await closed
  await other.close()
})

const aKey = {
  key_id: 'key_1',
  hash: '',
  scope: 'admin',
  tenant_id: null,
  session_id: null,
  created_at: '',
  expires_at: null,
  revoked_at: null,
} as const

const addKey = (db: TestDatabase) => db.transact((trx) => trx.insertInto('api_keys').values(aKey).execute())
