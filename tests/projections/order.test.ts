import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { openDatabase } from '../../src/db/database.ts'
import { migrate } from '../../src/db/migrate.ts'
import type { NewFact } from '../../src/log/facts.ts'
import { lastPosition } from '../../src/log/read.ts'
import { buildPast } from '../../src/ops/past.ts'
import { verifyTables } from '../../src/projections/replay.ts'
import { createSqlite, testKeys } from '../support/databases.ts'
import { recordAll } from '../support/facts.ts'
import { histories } from '../support/histories.ts'
import { projectedRows } from '../support/rows.ts'

/** The rows that these facts make, in this order. */
async function rowsAfter(facts: readonly NewFact[]) {
  const db = openDatabase('file::memory:', testKeys())
  try {
    await migrate(db)
    await recordAll(db, facts)
    return await projectedRows(db.reader)
  } finally {
    await db.close()
  }
}

const shuffled = <T>(items: readonly T[]) =>
  fc.shuffledSubarray([...items], { minLength: items.length, maxLength: items.length })

test('any order and repetition of what Stripe says ends in the same rows', async () => {
  const orders = histories.chain(({ usage, sightings }) =>
    fc.tuple(fc.constant(usage), shuffled(sightings), shuffled([...sightings, ...sightings.map(seenAgain)])),
  )
  await fc.assert(
    fc.asyncProperty(orders, async ([usage, order, repeated]) => {
      const rows = await rowsAfter([...usage, ...order])
      expect(await rowsAfter([...usage, ...repeated])).toEqual(rows)
    }),
    { numRuns: 25 },
  )
})

/** A webhook is delivered again as it was; an object that is asked for again is another fact. */
function seenAgain(fact: NewFact): NewFact {
  return fact.type === 'stripe.object_observed' ? { ...fact, fact_id: `${fact.fact_id}-again` } : fact
}

test('at any prefix of the log, the tables are what a replay makes of it', async () => {
  const cases = histories.chain(({ usage, sightings }) =>
    fc.tuple(shuffled([...usage, ...sightings]), fc.nat({ max: usage.length + sightings.length })),
  )
  const db = await createSqlite()
  const file = join(db.url.slice('file:'.length), '..', 'past.db')
  try {
    await fc.assert(
      fc.asyncProperty(cases, async ([facts, length]) => {
        const prefix = facts.slice(0, length)
        const before = openDatabase('file::memory:', testKeys())
        await migrate(before)
        try {
          await recordAll(before, facts)
          const report = await verifyTables(before)
          expect(report).toMatchObject({ ok: true, drift: [], facts: facts.length, position: facts.length })
          await rm(file, { force: true })
          await buildPast(before, String(length), file)
        } finally {
          await before.close()
        }
        const past = openDatabase(`file:${file}`, testKeys())
        try {
          expect(await lastPosition(past.reader)).toBe(length)
          expect(await projectedRows(past.reader)).toEqual(await rowsAfter(prefix))
        } finally {
          await past.close()
        }
      }),
      { numRuns: 8 },
    )
  } finally {
    await db.close()
  }
})
