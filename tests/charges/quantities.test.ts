import { randomUUID } from 'node:crypto'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Part } from '../../src/charges/parts.ts'
import { type CountedWindow, partsOf, partsOutside } from '../../src/charges/quantities.ts'
import type { Stretch } from '../../src/charges/recorded.ts'
import { lastPosition } from '../../src/log/read.ts'
import { counts, type Instant } from '../model/history.ts'
import { type Home, homesOf } from '../model/homes.ts'
import { type Piece, piecesOf } from '../model/usage.ts'
import { eachDatabase, type TestDatabase } from '../support/databases.ts'
import { at, recordAll, tenant, usageRecorded } from '../support/facts.ts'
import { claimsOf, factsOf, gapsOf, iso, type Scene, scenes } from './scenes.ts'

describe.each(eachDatabase)('the usage of a window, from sums, on $name', ({ name, create }) => {
  let db: TestDatabase
  beforeEach(async () => {
    db = await create()
  })
  afterEach(() => db.close())

  test('is that of the model, whatever was set, voided, claimed and late, paused and cut', async () => {
    const numRuns = name === 'SQLite' ? 200 : 25
    await fc.assert(
      fc.asyncProperty(scenes, async (scene) => {
        const tenantId = `tenant_${randomUUID()}`
        const base = await lastPosition(db.reader)
        await recordAll(db, factsOf(scene, tenantId))
        const { known, type, windows } = scene
        const claims = claimsOf(scene, base)
        const homes = homesOf(known, windows)
        const cuts = scene.cuts.map(iso)
        for (const window of windows) {
          const counted: CountedWindow = {
            startsAt: iso(window.start),
            endsAt: iso(window.end),
            isTrial: window.trial,
            countsFrom: iso(window.countsFrom),
            claimed: claims.filter((claim) => claim.window === window),
            pauses: scene.pauses.map(({ from, to }) => ({ from: iso(from), to: iso(to) })),
          }
          const home = homes.find((one) => one.window === window) ?? { window, records: [] }
          const parts = await partsOf(db.reader, tenantId, type, counted, cuts)
          expectSame(parts, home, scene)
          expect(totals(parts, [])).toEqual(totals(await partsOf(db.reader, tenantId, type, counted, []), []))
        }
        const after = Math.max(0, ...claims.map(({ upto }) => upto ?? 0))
        for (const { from, to, counts: ofCounts } of gapsOf(scene)) {
          const isWithin = (instant: Instant) => from <= instant && instant < to
          const stretches: Stretch[] = counts.some((count) => count === type)
            ? ofCounts.map((span) => ({ ...span, after, upto: null }))
            : [{ from: iso(from), to: iso(to), after: 0, upto: null }].filter((one) => one.from < one.to)
          const home = homes.find(
            ({ window, records }) => window === null && records[0] && isWithin(records[0].occurredAt),
          )
          const parts = await partsOutside(db.reader, tenantId, type, stretches, cuts)
          expectSame(parts, home ?? { window: null, records: [] }, scene)
        }
      }),
      { numRuns },
    )
  })

  test('of several sets in one millisecond is the last one, also where an earlier one is higher', async () => {
    const set = (id: string, seconds: number, quantity: number, usage_type: 'agent' | 'case') =>
      usageRecorded(id, seconds, { usage_type, action: 'set', quantity })
    for (const type of ['agent', 'case'] as const)
      await recordAll(db, [
        set(`${type} 1`, 60, 10, type),
        usageRecorded(`${type} 2`, 60, { usage_type: type, quantity: 100 }),
        set(`${type} 3`, 60, 3, type),
        usageRecorded(`${type} 4`, 60, { usage_type: type, quantity: 1 }),
      ])
    const quantities = async (type: 'agent' | 'case') =>
      (await partsOf(db.reader, tenant, type, january, [])).map(({ quantity }) => quantity)
    expect(await quantities('agent')).toEqual([3n, 101n])
    expect(await quantities('case')).toEqual([3n, 1n])
  })

  test('is exact beyond 2^53', async () => {
    const most = Number.MAX_SAFE_INTEGER
    await recordAll(db, [
      usageRecorded('a', 0, { quantity: most }),
      usageRecorded('b', 1, { quantity: most }),
      usageRecorded('c', 7200, { quantity: 1 }),
    ])
    const [part, ...others] = await partsOf(db.reader, tenant, 'case', january, [])
    expect([part?.quantity, others]).toEqual([2n * BigInt(most) + 1n, []])
  })

  test('of a fee that was set to 0 is a part of nothing: it stands for the automatic one', async () => {
    expect(await partsOf(db.reader, tenant, 'platform_base', january, [])).toEqual([])
    await recordAll(db, [usageRecorded('a', 0, { usage_type: 'platform_base', action: 'set', quantity: 0 })])
    expect(await partsOf(db.reader, tenant, 'platform_base', january, [])).toMatchObject([{ quantity: 0n }])
  })
})

const january: CountedWindow = {
  startsAt: at(0),
  endsAt: at(31 * 86_400),
  isTrial: false,
  countsFrom: at(0),
  claimed: [],
  pauses: [],
}

/** Per what costs and what does not, and per card: the quantity. */
function expectSame(parts: readonly Part[], home: Home, { known, type, cuts }: Scene): void {
  const pieces = piecesOf(known, home, type)
  expect(totals(parts, cuts)).toEqual(totals(pieces.map(partOf), cuts))
  for (const { from, to } of parts)
    for (const cut of cuts.map(iso)) expect(from < cut && cut < to).toBe(false)
  if (type === 'platform_base') expect(parts.length > 0).toBe(pieces.length > 0)
}

const partOf = ({ at, quantity, costs }: Piece): Part => ({ from: iso(at), to: iso(at), quantity, costs })

function totals(parts: readonly Part[], cuts: readonly Instant[]): Record<string, bigint> {
  const found: Record<string, bigint> = {}
  for (const { from, quantity, costs } of parts) {
    if (quantity === 0n) continue
    const card = cuts.filter((cut) => iso(cut) <= from).length
    const key = `${costs ? 'costs' : 'free'} under ${card}`
    found[key] = (found[key] ?? 0n) + quantity
  }
  return found
}
