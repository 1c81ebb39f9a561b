import type { CompiledQuery } from 'kysely'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { billTenant } from '../../src/charges/bill.ts'
import { nextInvoiceCents } from '../../src/charges/next-invoice.ts'
import { type CountedWindow, partsOf, partsOutside } from '../../src/charges/quantities.ts'
import { readConfig } from '../../src/config.ts'
import { usageTypes } from '../../src/log/facts.ts'
import { ensureRateCard } from '../../src/usage/ensure-rate-card.ts'
import { usageSummary } from '../../src/views/usage-summary.ts'
import { createSqlite, type TestDatabase } from '../support/databases.ts'
import { at, newFact, observed, recordAll, tenant, usageRecorded } from '../support/facts.ts'
import { listening, planOf } from '../support/plans.ts'
import { subscription } from '../support/stripe-objects.ts'
import { transactAt } from '../support/turns.ts'

let db: TestDatabase
beforeEach(async () => {
  db = await createSqlite()
})
afterEach(() => db.close())

const day = 86_400
const window: CountedWindow = {
  startsAt: at(40 * day + 1),
  endsAt: at(71 * day + 1),
  isTrial: false,
  countsFrom: at(30 * day + 1),
  claimed: [
    { from: at(0), to: at(10 * day), after: 0, upto: 100 },
    { from: at(10 * day), to: at(30 * day), after: 100, upto: 200 },
  ],
  pauses: [{ from: at(50 * day + 7), to: at(51 * day + 7) }],
}
const gap = [{ from: at(0), to: at(30 * day), after: 200, upto: null }]
const cuts = [at(45 * day + 3), at(60 * day)]

test('every read of a quantity is a range of an index: sums, sets, what is late, and records at the edges', async () => {
  for (const usage_type of usageTypes)
    await recordAll(db, [
      usageRecorded(`${usage_type} 1`, 42 * day, { usage_type, action: 'set', quantity: 3 }),
      usageRecorded(`${usage_type} 2`, 43 * day, { usage_type, quantity: 3 }),
    ])
  const queries: CompiledQuery[] = []
  const reader = listening(db.reader, queries)
  for (const usageType of usageTypes) {
    await partsOf(reader, tenant, usageType, window, cuts)
    await partsOutside(reader, tenant, usageType, gap, cuts)
  }
  const plans = new Set<string>()
  for (const query of queries)
    for (const detail of await planOf(db.reader, query))
      if (/(SEARCH|SCAN) (billing_|steps|others)/.test(detail)) plans.add(detail)
  const time = 'tenant_id=? AND usage_type=? AND occurred_at'
  const sums = 'tenant_id=? AND usage_type=? AND scale=? AND starts_at'
  expect([...plans].sort()).toEqual([
    `SEARCH billing_usage_records USING INDEX billing_usage_records_by_time (${time}=? AND position>? AND position<?)`,
    `SEARCH billing_usage_records USING INDEX billing_usage_records_by_time (${time}>? AND occurred_at<?)`,
    `SEARCH billing_usage_records USING INDEX billing_usage_records_late (${time}>? AND occurred_at<?)`,
    `SEARCH billing_usage_records USING INDEX billing_usage_records_sets (${time}>? AND occurred_at<?)`,
    `SEARCH billing_usage_sums USING INDEX billing_usage_sums_by_time (${sums}>? AND starts_at<?)`,
    `SEARCH others USING INDEX billing_usage_records_sets (${time}=? AND position>?)`,
    `SEARCH steps USING INDEX billing_usage_records_sets (${time}>? AND occurred_at<?)`,
  ])
})

test('the status, a summary and the closing of a window scan no table of theirs', async () => {
  const config = readConfig({ BILLING_CURRENCY: 'usd' })
  await ensureRateCard({ transact: transactAt(db, at(0)) }, config)
  const opened = { subscription_id: 'sub_1', start: at(0), end: at(31 * day), has_base: true }
  await recordAll(db, [
    observed('subscription', subscription('active'), 1),
    newFact('usage.window_opened', {
      ...opened,
      ...{ is_trial: false, anchor: at(0), counts_from: at(0), currency: 'usd' },
    }),
    usageRecorded('one', 43),
  ])
  const queries: CompiledQuery[] = []
  const reader = listening(db.reader, queries)
  expect(await nextInvoiceCents(reader, tenant)).toBeGreaterThan(0)
  await usageSummary(reader, { tenantId: tenant, start: at(day), end: at(40 * day), now: new Date(at(day)) })
  const closing = {
    ...db,
    transact: ((work) => db.transact((trx) => work(listening(trx, queries)))) as typeof db.transact,
  }
  await transactAt(closing, at(31 * day))({ actor: 'worker' }, (turn) => billTenant(turn, tenant))
  const rows = await db.reader.selectFrom('billing_windows').select('closed_at').execute()
  expect(rows, 'it was closed').toContainEqual({ closed_at: at(31 * day) })
  const plans = new Set<string>()
  for (const query of queries)
    if (!/^insert/i.test(query.sql)) for (const detail of await planOf(db.reader, query)) plans.add(detail)
  // Of rate cards there are few, and they are everybody's.
  const scans = [...plans].filter((plan) => /^SCAN (?!billing_rate_cards)(billing_|effects)/.test(plan))
  expect(scans).toEqual([])
})
