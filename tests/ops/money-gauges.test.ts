import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { moneyGauges } from '../../src/ops/money-gauges.ts'
import { eachDatabase, type TestDatabase } from '../support/databases.ts'
import { at, epoch, newFact, observed, recordAll, stripeEvent, usageRecorded } from '../support/facts.ts'
import { invoice, recordIncident, subscription } from '../support/incident.ts'
import { february, recordMonth } from '../support/month.ts'

const day = 86_400
const of = { subscription_id: 'sub_ada' }

describe.each(eachDatabase)('the gauges of money on $name', ({ create }) => {
  let db: TestDatabase
  beforeAll(async () => {
    db = await create()
    await recordIncident(db)
  })
  afterAll(() => db.close())

  const gauges = () => moneyGauges(db.reader)
  const close = (dues: { usage_type: 'case' | 'user'; due_cents: string; state: 'held' | 'unpriced' }[]) =>
    newFact(
      'usage.window_closed',
      {
        ...{ ...of, ...february, rate_card_id: 'card', upto_position: 1, next: null },
        dues: dues.map((due) => ({ ...due, quantity: '200000' })),
      },
      { occurredAt: february.end },
    )

  test('where all goes well there is none; a refused line is counted', async () => {
    const none = { held: 0, unpriced: 0 }
    expect(await gauges()).toEqual({
      ...{ stuckDues: none, missed: { lines: 0, drafts: 0 }, secondSubscriptions: 0, failingInvoices: 0 },
    })
    await recordMonth(db)
    expect(await gauges()).toMatchObject({ stuckDues: none, missed: { lines: 1, drafts: 0 } })
  })

  test('a held amount is counted until its records are voided, an unpriced one until it is forgiven', async () => {
    await recordAll(
      db,
      [
        usageRecorded('usg_many', 40 * day, { quantity: 200_000 }),
        close([
          { usage_type: 'case', due_cents: '200000000', state: 'held' },
          { usage_type: 'user', due_cents: '500', state: 'unpriced' },
        ]),
      ],
      february.end,
    )
    expect((await gauges()).stuckDues).toEqual({ held: 1, unpriced: 1 })
    const forgiven = newFact('usage.line_asked', {
      ...{ ...of, line_id: 'line_forgiven', window_start: february.start, usage_type: 'user' },
      ...{ kind: 'forgiven', invoice_id: null, invoice_key: null, customer_id: 'cus_ada', currency: 'usd' },
      ...{ quantity: '1', amount_cents: 500, upto_position: 1, description: 'Forgiven' },
      personal: { reason: null },
    })
    const voided = newFact('usage.voided', { record_id: 'usg_many', personal: { reason: null } })
    await recordAll(db, [forgiven, voided], at(60 * day))
    expect((await gauges()).stuckDues).toEqual({ held: 0, unpriced: 0 })
  })

  test('a draft that was final too soon, a second live subscription and an unpaid invoice of our own are counted', async () => {
    const made = newFact('usage.lines_made', {
      ...{ ...of, moment: 'missed', window_start: february.start, invoice_id: 'in_march', counted: [] },
      upto_position: 1,
    })
    const second = { ...subscription, id: 'sub_second', created: epoch + 60 * day }
    const ours = {
      ...invoice('open', 500),
      ...{
        id: 'in_ours',
        metadata: { stepledger_key: 'stepledger:ours' },
        attempt_count: 1,
        attempted: true,
      },
    }
    const failed = stripeEvent('invoice.payment_failed', 'invoice', ours, 61 * day)
    await recordAll(db, [made, observed('subscription', second, 60 * day), failed], at(61 * day))
    expect(await gauges()).toMatchObject({
      ...{ missed: { lines: 1, drafts: 1 }, secondSubscriptions: 1, failingInvoices: 1 },
    })
    const ended = { ...second, status: 'canceled', ended_at: epoch + 62 * day }
    const paid = stripeEvent('invoice.paid', 'invoice', { ...ours, status: 'paid' }, 62 * day)
    await recordAll(db, [observed('subscription', ended, 62 * day), paid], at(62 * day))
    expect(await gauges()).toMatchObject({ secondSubscriptions: 0, failingInvoices: 0 })
  })
})
