import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { verifyTables } from '../../src/projections/replay.ts'
import { eachDatabase, type TestDatabase } from '../support/databases.ts'
import { at, epoch, newFact, observed, recordAll, stripeEvent } from '../support/facts.ts'
import { invoice, subscription } from '../support/incident.ts'

const day = 86_400
const trialEnd = 14 * day
/** As Stripe shows it. @param periodEnd days after the epoch */
const shown = (status: string, periodEnd: number, more: object = {}) => ({
  ...subscription,
  ...{ status, start_date: epoch, trial_end: epoch + trialEnd, ...more },
  items: {
    data: subscription.items.data.map((item) => ({ ...item, current_period_end: epoch + periodEnd * day })),
  },
})
const trialing = shown('trialing', 14)
const ended = (days: number, periodEnd: number) =>
  shown('canceled', periodEnd, { ended_at: epoch + days * day, canceled_at: epoch + days * day })
const told = (object: ReturnType<typeof shown>, type: string, days: number) =>
  stripeEvent(`customer.subscription.${type}`, 'subscription', object, days * day)
const renewal = (status: 'open' | 'paid') => ({
  ...invoice(status, 4900),
  lines: {
    data: [
      {
        parent: { subscription_item_details: { subscription_item: 'si_ada', proration: false } },
        period: { start: epoch + trialEnd, end: epoch + 45 * day },
      },
    ],
  },
})

const orders = <T>(items: readonly T[]): T[][] =>
  items.length === 0
    ? [[]]
    : items.flatMap((item, index) => orders(items.toSpliced(index, 1)).map((rest) => [item, ...rest]))

describe.each(eachDatabase)('on $name', ({ create }) => {
  let db: TestDatabase
  beforeEach(async () => {
    db = await create()
    const opened = newFact('usage.window_opened', {
      ...{ subscription_id: 'sub_ada', start: at(0), end: at(trialEnd), anchor: at(trialEnd) },
      ...{ is_trial: true, has_base: false, counts_from: at(0), currency: 'usd' },
    })
    await recordAll(db, [observed('subscription', trialing, 0), opened])
  })
  afterEach(() => db.close())

  const isConverted = async () => {
    expect(await verifyTables(db)).toMatchObject({ ok: true })
    const windows = await db.reader.selectFrom('billing_windows').select('is_converted').execute()
    return windows.map(({ is_converted }) => is_converted)
  }

  const active = () => told(shown('active', 45), 'updated', 14)
  const draft = () => stripeEvent('invoice.created', 'invoice', renewal('open'), trialEnd)
  const paid = () => stripeEvent('invoice.paid', 'invoice', renewal('paid'), trialEnd + 3600)
  const cancelled = () => told(ended(20, 45), 'deleted', 20)

  test.each([
    ...orders([active, draft, paid, cancelled]),
    ...orders([paid, cancelled]),
    ...orders([draft, cancelled]),
    [cancelled],
  ])(
    'a trial that was followed by a paid month is converted, whatever is seen of it and in which order (%#)',
    async (...seen) => {
      for (const fact of seen) await recordAll(db, [fact()], at(21 * day))
      expect(await isConverted()).toEqual([1])
    },
  )

  test.each([
    ['was cancelled at its end', () => told(ended(14, 14), 'deleted', 14)],
    ['was cancelled in it', () => told(ended(5, 14), 'deleted', 5)],
    [
      'was extended, and cancelled before its new end',
      () => told({ ...ended(20, 30), trial_end: epoch + 30 * day }, 'deleted', 20),
    ],
    ['went over into a pause, and ended there', () => told(ended(20, 14), 'deleted', 20)],
  ])('one that %s is not', async (_, fact) => {
    await recordAll(db, [fact()], at(21 * day))
    expect(await isConverted()).toEqual([0])
  })
})
