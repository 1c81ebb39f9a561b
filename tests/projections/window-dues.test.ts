import { describe, expect, test } from 'vitest'
import { verifyTables } from '../../src/projections/replay.ts'
import { eachDatabase } from '../support/databases.ts'
import { at, newFact, recordAll } from '../support/facts.ts'

describe.each(eachDatabase)('on $name', ({ create }) => {
  test('what an operator has released is held no more, also of a month that is not counted again', async () => {
    const db = await create()
    const of = { subscription_id: 'sub_ada', start: at(0), end: at(31 * 86_400) }
    const held = { usage_type: 'case', quantity: '150000', due_cents: '150000000', state: 'held' } as const
    await recordAll(db, [
      newFact('usage.window_opened', {
        ...of,
        ...{ is_trial: false, has_base: false, anchor: of.start, counts_from: of.start, currency: 'usd' },
      }),
      newFact('usage.window_closed', {
        ...of,
        ...{ dues: [held], rate_card_id: 'card', upto_position: 1, next: null },
      }),
      newFact('usage.released', {
        ...{ subscription_id: 'sub_ada', window_start: of.start, usage_type: 'case' },
        personal: { reason: null },
      }),
    ])
    expect(await db.reader.selectFrom('billing_window_dues').selectAll().execute()).toMatchObject([
      { due_cents: '150000000', state: 'priced' },
    ])
    expect(await verifyTables(db)).toMatchObject({ ok: true })
    await db.close()
  })
})
