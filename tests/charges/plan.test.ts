import { type CompiledQuery, type KyselyPlugin, sql } from 'kysely'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type CountedWindow, partsOf, partsOutside } from '../../src/charges/quantities.ts'
import type { Reader } from '../../src/db/tables.ts'
import { usageTypes } from '../../src/log/facts.ts'
import { createSqlite, type TestDatabase } from '../support/databases.ts'
import { at, recordAll, tenant, usageRecorded } from '../support/facts.ts'

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
    for (const detail of await planOf(query))
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

/** Compiles what is asked of the reader, and keeps it. */
function listening(reader: Reader, queries: CompiledQuery[]): Reader {
  const plugin: KyselyPlugin = {
    transformQuery({ node, queryId }) {
      queries.push(reader.getExecutor().compileQuery(node, queryId))
      return node
    },
    transformResult: async ({ result }) => result,
  }
  return Object.assign(reader.withPlugin(plugin), { seals: reader.seals })
}

async function planOf({ sql: text, parameters }: CompiledQuery): Promise<string[]> {
  const { rows } = await db.reader.executeQuery<{ detail: string }>({
    ...sql`select 1`.compile(db.reader),
    sql: `explain query plan ${text}`,
    parameters,
  })
  return rows.map(({ detail }) => detail)
}
