import { describe, expect, test } from 'vitest'
import { listDiscounts } from '../../src/billing/discounts.ts'
import { enqueueRefresh } from '../../src/inbox/enqueue-refresh.ts'
import { takeIn } from '../../src/inbox/take-in.ts'
import { replay, verifyTables } from '../../src/projections/replay.ts'
import { createIcuPostgres, eachDatabase, type TestDatabase } from '../support/databases.ts'
import { at, epoch, observed, recordAll, usageRecorded } from '../support/facts.ts'
import { coupon, customer } from '../support/stripe-objects.ts'
import { transactAt } from '../support/turns.ts'

/** How a database sorts text is its owner's choice: nothing here may depend on it. */
const databases = [...eachDatabase, { name: 'PostgreSQL with an ICU collation', create: createIcuPostgres }]

describe.each(databases)('on $name', ({ create }) => {
  const opened = async (finally_: (close: () => Promise<void>) => void): Promise<TestDatabase> => {
    const db = await create()
    finally_(() => db.close())
    return db
  }

  test('a burst of events about one object asks once, and objects with similar ids are told apart', async ({
    onTestFinished,
  }) => {
    const db = await opened(onTestFinished)
    const ask = (objectId: string, cause: string) =>
      transactAt(db, at(0))({ actor: 'worker' }, (turn) =>
        enqueueRefresh(turn, { objectType: 'invoice', objectId, tenantId: 'tenant' }, cause),
      )
    const asked = async () => (await db.reader.selectFrom('effects').select('effect_id').execute()).length
    for (const cause of ['evt_1', 'evt_2', 'evt_3', 'EVT_4']) await ask('in_1', cause)
    expect(await asked()).toBe(1)
    const ids = ['in_10', 'in_', 'IN_1', 'in-1', 'in_1a', 'ín_1']
    await Promise.all(ids.map((id) => ask(id, 'evt_1')))
    expect(await asked()).toBe(ids.length + 1)
    for (const id of ids) await ask(id, 'evt_2')
    expect(await asked()).toBe(ids.length + 1)
  })

  test('pages of rows and of lists skip nothing and repeat nothing, whatever the ids look like', async ({
    onTestFinished,
  }) => {
    const db = await opened(onTestFinished)
    const ids = ['a_1', 'A_1', 'a1', 'a-1', 'a:1', 'B', 'b', 'á', 'Z', 'z_', 'z', '_z', 'ß', 'ss']
    // Stripe's own ids are ASCII; what is sold has an id of the seller's choice.
    const customers = ids.filter((id) => /^[\w:-]+$/.test(id))
    await recordAll(
      db,
      customers.map((id, n) => observed('customer', customer({ id: `cus_${id}` }), n)),
    )
    await recordAll(
      db,
      Array.from({ length: 1200 }, (_, n) =>
        usageRecorded(`usg_${n.toString(36)}${n % 2 ? 'A' : 'a'}-${n}`, n),
      ),
    )
    await transactAt(db, at(0))({ actor: 'worker' }, (turn) =>
      takeIn(
        turn,
        ids.map((id) => ({
          objectType: 'coupon',
          objectId: id,
          asOf: epoch,
          isDeleted: false,
          object: coupon(id),
        })),
        { cause: 'test' },
      ),
    )
    const listed: string[] = []
    for (let cursor: string | undefined; ; ) {
      const page = await listDiscounts(db.reader, { limit: 3, cursor }, new Date())
      listed.push(...page.items.map(({ code }) => code))
      if (page.next_cursor === null) break
      cursor = page.next_cursor
    }
    expect([...listed].sort()).toEqual([...ids].sort())

    expect((await verifyTables(db)).drift).toEqual([])
    await db.transact(async (trx) => {
      await trx.deleteFrom('billing_usage_records').execute()
      await trx.updateTable('billing_customers').set({ email: 'wrong' }).execute()
    })
    const { mended_count, tables } = await replay(db)
    expect(mended_count).toBe(1200 + customers.length)
    expect(tables.billing_usage_records?.rows).toBe(1200)
    expect((await verifyTables(db)).drift).toEqual([])
  })
})
