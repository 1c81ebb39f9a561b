import { sql } from 'kysely'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { Trx } from '../../src/db/tables.ts'
import { AppError } from '../../src/errors.ts'
import { lastPosition, readPage } from '../../src/log/read.ts'
import { verifyLog } from '../../src/ops/verify.ts'
import { record } from '../../src/projections/record.ts'
import { countStatements } from '../support/commits.ts'
import { createPostgres, eachDatabase, type TestDatabase } from '../support/databases.ts'
import { at, usageRecorded } from '../support/facts.ts'

/** One fact at the end of a stream, with its row. */
const write = async (trx: Trx, id: string, stream = `usage-${id}`) => {
  const [fact] = await record(trx, stream, 'any', [{ ...usageRecorded(id, 1), fact_id: id }], at(1))
  return fact?.position
}

/** What comes at once shares a transaction. */
const together = (db: TestDatabase, works: readonly ((trx: Trx) => Promise<unknown>)[]) =>
  Promise.allSettled(works.map((work) => db.transact(work)))

const idsInLog = async (db: TestDatabase) =>
  (await readPage(db.reader, {}, 1000)).map(({ fact_id }) => fact_id)

describe.each(eachDatabase)('a group on $name', ({ create }) => {
  let db: TestDatabase
  let counts: ReturnType<typeof countStatements>
  beforeEach(async () => {
    // However slow the machine: a group's time is not over before its works are.
    vi.useFakeTimers({ toFake: ['performance'] })
    counts = countStatements()
    db = await create()
  })
  afterEach(async () => {
    counts.undo()
    vi.useRealTimers()
    await db.close()
  })

  const fails: ((trx: Trx, id: string) => Promise<unknown>)[] = [
    () => Promise.reject(new Error('refused')),
    async (trx, id) => {
      await write(trx, id)
      throw new Error('refused')
    },
    async (trx, id) => {
      await write(trx, id)
      await sql`insert into api_keys (key_id) values (null)`.execute(trx)
    },
    async (trx, id) => {
      await write(trx, id)
      await write(trx, `${id}-again`, `usage-${id}`)
      await sql`select * from no_such_table`.execute(trx)
    },
    (trx, id) => {
      write(trx, id).catch(() => {})
      throw new Error('refused at once')
    },
  ]

  test('of 64 works those that throw fail alone, at whatever point; the others are there, in the order in which they came', async () => {
    counts.commits = 0
    const ids = Array.from({ length: 64 }, (_, serial) => `usg_${serial}`)
    const isFailing = (serial: number) => serial % 3 === 1
    const outcomes = await together(
      db,
      ids.map((id, serial) => (trx) => {
        const fail = isFailing(serial) ? fails[serial % fails.length] : undefined
        return fail === undefined ? write(trx, id) : fail(trx, id)
      }),
    )
    expect(outcomes.map(({ status }) => status === 'rejected')).toEqual(
      ids.map((_, serial) => isFailing(serial)),
    )
    const kept = ids.filter((_, serial) => !isFailing(serial))
    expect(await idsInLog(db)).toEqual(kept)
    const rows = await db.reader
      .selectFrom('billing_usage_records')
      .select(['record_id', 'position'])
      .orderBy('position')
      .execute()
    expect(rows.map(({ record_id }) => record_id)).toEqual(kept)
    expect(outcomes.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []))).toEqual(
      rows.map(({ position }) => position),
    )
    expect((await verifyLog(db.reader)).faults.first).toEqual([])
    expect(counts.commits).toBe(1)
  })

  test('two works of two tenants share one COMMIT, and neither is answered before it', async () => {
    counts.commits = 0
    const commitsSeen: number[] = []
    const answered = (id: string) => async (trx: Trx) => {
      commitsSeen.push(counts.commits)
      return write(trx, id)
    }
    await together(db, [answered('usg_a'), answered('usg_b')])
    expect(commitsSeen).toEqual([0, 0])
    expect(counts.commits).toBe(1)
    expect(await idsInLog(db)).toEqual(['usg_a', 'usg_b'])
  })

  test('a group reads the log’s last position once, and the end of each stream once', async () => {
    await db.transact((trx) => write(trx, 'before', 'usage-a'))
    counts.statements.length = 0
    await together(
      db,
      ['a', 'b', 'a', 'b', 'a'].map(
        (stream, index) => (trx) => write(trx, `usg_${index}`, `usage-${stream}`),
      ),
    )
    const read = (what: RegExp) => counts.statements.filter((text) => what.test(text)).length
    expect([read(/max\("position"\)/), read(/order by "version" desc/)]).toEqual([1, 2])
    expect((await verifyLog(db.reader)).faults.first).toEqual([])
  })

  test('a work that finds the lane idle is committed at once, alone', async () => {
    counts.commits = 0
    await db.transact((trx) => write(trx, 'usg_1'))
    expect(counts.commits).toBe(1)
    expect(await lastPosition(db.reader)).toBe(1)
  })

  test('what a work that failed has read or made is not known to the next one', async () => {
    const stream = 'usage-one'
    const outcomes = await together(db, [
      (trx) => write(trx, 'kept', stream),
      async (trx) => {
        await write(trx, 'undone', stream)
        throw new Error('refused')
      },
      (trx) => write(trx, 'after', stream),
    ])
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
    const rows = await readPage(db.reader, {}, 10)
    expect(rows.map(({ fact_id, position, version }) => [fact_id, position, version])).toEqual([
      ['kept', 1, 1],
      ['after', 2, 2],
    ])
    expect((await verifyLog(db.reader)).faults.first).toEqual([])
  })

  test('a refusal whose words are those of a lost connection is one work’s own', async () => {
    const refusal = new AppError('conflict', 'The coupon "not queryable" is over')
    const outcomes = await together(db, [
      (trx) => write(trx, 'usg_1'),
      () => Promise.reject(refusal),
      (trx) => write(trx, 'usg_2'),
    ])
    expect(outcomes).toEqual([
      { status: 'fulfilled', value: 1 },
      { status: 'rejected', reason: refusal },
      { status: 'fulfilled', value: 2 },
    ])
  })

  test('a work that hides an error of the database’s costs no other its place', async () => {
    const outcomes = await together(db, [
      (trx) => write(trx, 'usg_1'),
      async (trx) => {
        await sql`select * from no_such_table`.execute(trx).catch(() => {})
      },
    ])
    expect(outcomes[0]).toMatchObject({ status: 'fulfilled', value: 1 })
    expect(await idsInLog(db)).toEqual(['usg_1'])
  })

  test('a COMMIT that fails fails the whole group, and the lane goes on', async () => {
    await db.transact(async (trx) => {
      await sql`create table parents (id integer primary key)`.execute(trx)
      await sql`create table children (id integer references parents (id) deferrable initially deferred)`.execute(
        trx,
      )
    })
    const outcomes = await together(db, [
      (trx) => write(trx, 'usg_1'),
      (trx) => sql`insert into children values (1)`.execute(trx),
      () => Promise.reject(new Error('decided on what is not there')),
      (trx) => write(trx, 'usg_2'),
    ])
    for (const outcome of outcomes)
      expect(outcome).toMatchObject({
        status: 'rejected',
        reason: { message: expect.stringMatching(/foreign key/i) },
      })
    expect(await idsInLog(db)).toEqual([])
    expect(await db.transact((trx) => write(trx, 'usg_3'))).toBe(1)
  })
})

test('a group whose works take their time is ended early: the event loop waits for a few of them at most', async () => {
  const [sqlite] = eachDatabase
  const db = await sqlite?.create()
  if (db === undefined) throw new Error('no database')
  let sinceRound = 0
  let most = 0
  const rounds = setInterval(() => {
    sinceRound = 0
  }, 0)
  const immediate = () => {
    sinceRound = 0
    if (isRunning) setImmediate(immediate)
  }
  let isRunning = true
  try {
    setImmediate(immediate)
    await together(
      db,
      Array.from({ length: 64 }, () => async () => {
        sinceRound += 1
        most = Math.max(most, sinceRound)
        for (const until = performance.now() + 4; performance.now() < until; );
      }),
    )
    expect(most).toBeGreaterThan(0)
    expect(most * 4).toBeLessThanOrEqual(20)
  } finally {
    isRunning = false
    clearInterval(rounds)
    await db.close()
  }
})

test('a connection that is lost fails its whole group, nobody of it is acknowledged, and the lane goes on', async () => {
  const db = await createPostgres()
  try {
    const outcomes = await together(db, [
      (trx) => write(trx, 'usg_1'),
      async (trx) => {
        const { rows } = await sql<{ pid: number }>`select pg_backend_pid() as pid`.execute(trx)
        await sql`select pg_terminate_backend(${rows[0]?.pid})`.execute(db.reader)
        await write(trx, 'usg_2')
      },
    ])
    for (const outcome of outcomes)
      expect(outcome).toMatchObject({
        status: 'rejected',
        reason: { code: 'database_busy', message: expect.stringContaining('not known') },
      })
    expect(await idsInLog(db)).toEqual([])
    expect(await db.transact((trx) => write(trx, 'usg_3'))).toBe(1)
  } finally {
    await db.close()
  }
})

test('a group that another’s lock keeps is begun again, works and all, until it is free', async () => {
  const db = await createPostgres()
  try {
    let runs = 0
    const lock = Promise.withResolvers<void>()
    const locked = Promise.withResolvers<void>()
    const operator = db.reader.transaction().execute(async (trx) => {
      await sql`lock table billing_events in exclusive mode`.execute(trx)
      locked.resolve()
      await lock.promise
    })
    await locked.promise
    const written = together(db, [
      async (trx) => {
        runs += 1
        return write(trx, 'usg_1')
      },
      (trx) => write(trx, 'usg_2'),
    ])
    await vi.waitFor(() => expect(runs).toBeGreaterThan(1), { timeout: 4_000 })
    lock.resolve()
    await operator
    expect(await written).toEqual([
      { status: 'fulfilled', value: 1 },
      { status: 'fulfilled', value: 2 },
    ])
  } finally {
    await db.close()
  }
})
