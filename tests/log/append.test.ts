import { sql } from 'kysely'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { append, genesisHash, hashOf, StreamMoved } from '../../src/log/append.ts'
import { headOf } from '../../src/log/head.ts'
import { lastPosition, readFacts, readPage } from '../../src/log/read.ts'
import { openFact } from '../../src/log/subject.ts'
import { verifyLog } from '../../src/ops/verify.ts'
import { eachDatabase, type TestDatabase } from '../support/databases.ts'
import { at, newFact, otherTenant, usageRecorded } from '../support/facts.ts'

describe.each(eachDatabase)('the log on $name', ({ create }) => {
  let db: TestDatabase
  beforeEach(async () => {
    db = await create()
  })
  afterEach(() => db.close())

  const put = (stream: string, expected: number | 'any', ...ids: string[]) =>
    db.transact((trx) =>
      append(
        trx,
        stream,
        expected,
        ids.map((id, index) => ({ ...usageRecorded(id, index), fact_id: id })),
        at(100),
      ),
    )
  const rows = () => readPage(db.reader, {}, 1000)

  test('versions rise by one in a stream and positions by one over all of them', async () => {
    await put('a', 0, 'f1', 'f2')
    await put('b', 0, 'f3')
    await put('a', 2, 'f4')
    expect((await rows()).map(({ position, stream, version }) => [position, stream, version])).toEqual([
      [1, 'a', 1],
      [2, 'a', 2],
      [3, 'b', 1],
      [4, 'a', 3],
    ])
  })

  test('an append that decided on another version than the last is refused, and leaves nothing', async () => {
    await put('a', 0, 'f1')
    await expect(put('a', 0, 'f2', 'f3')).rejects.toThrow(StreamMoved)
    await expect(put('a', 2, 'f2')).rejects.toThrow(StreamMoved)
    expect(await lastPosition(db.reader)).toBe(1)
  })

  test('of two appends at once that decided on one version, one is refused', async () => {
    const outcomes = await Promise.allSettled(['f1', 'f2', 'f3', 'f4'].map((id) => put('a', 0, id)))
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
    expect(await lastPosition(db.reader)).toBe(1)
  })

  test('a fact that is in the log is not appended again, whatever version is expected', async () => {
    await put('a', 0, 'f1', 'f2')
    expect(await put('a', 0, 'f1', 'f2')).toEqual([])
    const fresh = await put('a', 2, 'f2', 'f3')
    expect(fresh.map(({ fact_id, version }) => [fact_id, version])).toEqual([['f3', 3]])
  })

  test('a fact that does not fit the catalogue is refused', async () => {
    const zero = usageRecorded('r', 0, { quantity: -1 })
    await expect(db.transact((trx) => append(trx, 'a', 0, [zero], at(0)))).rejects.toThrow('quantity')
    expect(await lastPosition(db.reader)).toBe(0)
  })

  test('each fact carries the hash of the one before it in its stream', async () => {
    await put('a', 0, 'f1')
    await put('b', 0, 'f2')
    await put('a', 1, 'f3', 'f4')
    const [f1, f2, f3, f4] = await rows()
    expect([f1?.previous_hash, f2?.previous_hash]).toEqual([genesisHash, genesisHash])
    expect([f3?.previous_hash, f4?.previous_hash]).toEqual([f1?.hash, f3?.hash])
    expect(f4?.hash).toBe(f4 && hashOf(f4))
  })

  test('the database refuses to change or delete a fact', async () => {
    await put('a', 0, 'f1')
    await expect(db.reader.updateTable('billing_events').set({ data: '{}' }).execute()).rejects.toThrow(
      'append-only',
    )
    await expect(db.reader.deleteFrom('billing_events').execute()).rejects.toThrow('append-only')
    expect(await rows()).toHaveLength(1)
  })

  test('facts are read back as they were appended, by stream, tenant and type, in any page size', async () => {
    const mine = usageRecorded('r1', 1, {
      personal: { idempotency_key: null, metadata: { text: 'é\u2028"\\', nested: { a: [1, null] } } },
    })
    const card = newFact(
      'usage.voided',
      { record_id: 'r1', personal: { reason: null } },
      { tenantId: otherTenant },
    )
    await db.transact(async (trx) => {
      await append(trx, 'a', 0, [mine], at(1))
      await append(trx, 'b', 0, [card], at(2))
    })
    const read = async (filter: object, pageSize?: number) => {
      const facts = []
      for await (const fact of readFacts(db.reader, filter, pageSize))
        facts.push(await openFact(db.reader, fact))
      return facts
    }
    const [first] = await read({})
    expect(first).toMatchObject({ ...mine, stream: 'a', version: 1, position: 1, recorded_at: at(1) })
    expect(await read({}, 1)).toEqual(await read({}))
    expect((await read({ stream: 'b' })).map(({ position }) => position)).toEqual([2])
    expect((await read({ tenantId: mine.tenant_id })).map(({ position }) => position)).toEqual([1])
    expect((await read({ type: 'usage.voided' })).map(({ position }) => position)).toEqual([2])
    expect((await read({ after: 1 })).map(({ position }) => position)).toEqual([2])
  })

  describe('a log that somebody got to', () => {
    const withoutTrigger = async (change: () => Promise<unknown>) => {
      const triggers =
        db.dialect === 'sqlite'
          ? [sql`drop trigger billing_events_no_update`, sql`drop trigger billing_events_no_delete`]
          : [sql`alter table billing_events disable trigger user`]
      for (const statement of triggers) await statement.execute(db.reader)
      await change()
    }
    const faults = async () =>
      (await verifyLog(db.reader)).faults.first.map(({ kind, position }) => [kind, position])
    beforeEach(async () => {
      await put('a', 0, 'f1', 'f2', 'f3')
      await put('b', 0, 'f4')
      expect(await faults()).toEqual([])
    })

    test('a changed column is found, and the fact named', async () => {
      await withoutTrigger(() =>
        db.reader
          .updateTable('billing_events')
          .set({ tenant_id: 'mine' })
          .where('position', '=', 2)
          .execute(),
      )
      expect(await faults()).toEqual([['hash', 2]])
    })

    test('a changed fact with a new hash breaks the chain after it', async () => {
      await withoutTrigger(async () => {
        const row = (await rows())[1]
        if (row === undefined) throw new Error('no row')
        const changed = { ...row, occurred_at: at(999) }
        await db.reader
          .updateTable('billing_events')
          .set({ ...changed, hash: hashOf(changed) })
          .where('position', '=', 2)
          .execute()
      })
      expect(await faults()).toEqual([['previous_hash', 3]])
    })

    test('a deleted fact is missed', async () => {
      await withoutTrigger(() => db.reader.deleteFrom('billing_events').where('position', '=', 2).execute())
      expect(await faults()).toEqual([
        ['position', 3],
        ['version', 3],
        ['previous_hash', 3],
      ])
    })

    test('a missing end is found by whoever has the head', async () => {
      const { head } = await verifyLog(db.reader)
      expect(head).toMatch(/^4:[0-9a-f]{64}$/)
      const found = async () => (await verifyLog(db.reader, { head })).faults.first
      expect(await found()).toEqual([])
      await withoutTrigger(() => db.reader.deleteFrom('billing_events').where('position', '=', 4).execute())
      expect(await faults(), 'the chains alone do not show it').toEqual([])
      expect(await found()).toMatchObject([
        { kind: 'head', position: 4, message: 'the log ends at position 3: its end is missing' },
      ])
    })

    test('a forged fact with a right chain is found by whoever has the head, however long ago', async () => {
      const { head } = await verifyLog(db.reader)
      await put('c', 0, 'f5')
      const found = async () => (await verifyLog(db.reader, { head })).faults.first
      expect(await found()).toEqual([])
      await withoutTrigger(async () => {
        const row = (await rows())[3]
        if (row === undefined) throw new Error('no row')
        const forged = { ...row, occurred_at: at(999) }
        await db.reader
          .updateTable('billing_events')
          .set({ ...forged, hash: hashOf(forged) })
          .where('position', '=', 4)
          .execute()
      })
      expect(await faults(), 'the chains alone do not show it').toEqual([])
      expect(await found()).toMatchObject([{ kind: 'head', position: 4 }])
    })

    test('the head is the same in every database, whichever order streams began in', () => {
      const streams = ['ä-1', 'Z-1', 'a-1', 'usage-10', 'usage-2'] as const
      const heads = streams.map((stream) => [stream, { version: 1, hash: stream }] as const)
      expect(headOf(5, new Map(heads))).toBe(headOf(5, new Map(heads.toReversed())))
      expect(headOf(5, new Map(heads))).not.toBe(headOf(5, new Map(heads.slice(1))))
    })

    test('a fact of no known type, or with data that does not fit, is found', async () => {
      await withoutTrigger(async () => {
        const update = (set: object, position: number) =>
          db.reader.updateTable('billing_events').set(set).where('position', '=', position).execute()
        await update({ type: 'usage.invented' }, 3)
        await update({ data: 'no json' }, 4)
      })
      expect(await faults()).toEqual([
        ['catalogue', 3],
        ['hash', 3],
        ['catalogue', 4],
        ['hash', 4],
      ])
    })
  })
})
