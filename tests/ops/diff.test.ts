import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { diff } from '../../src/ops/diff.ts'
import { eachDatabase, type TestDatabase } from '../support/databases.ts'
import { at, otherTenant, recordAll, tenant, usageRecorded } from '../support/facts.ts'
import { recordIncident, session } from '../support/incident.ts'
import { recordMonth } from '../support/month.ts'

/** 3 cases, 250,000 calls. */
const usageCents = 3 * 1000 + 2500

describe.each(eachDatabase)('diff on $name', ({ create }) => {
  let db: TestDatabase
  let positions: Awaited<ReturnType<typeof recordIncident>>
  let month: Awaited<ReturnType<typeof recordMonth>>
  beforeAll(async () => {
    db = await create()
    positions = await recordIncident(db)
    const others = { ...usageRecorded('usg_other', 70), tenant_id: otherTenant }
    await recordAll(db, [others], at(70))
    month = await recordMonth(db)
  })
  afterAll(() => db.close())

  const between = (from: number | string, to: number | string) =>
    diff(db, { tenantId: tenant, from: String(from), to: String(to) })

  test('names the places of sessions before and after, and the facts that moved them', async () => {
    const { sessions } = await between(positions.planSelected, positions.end)
    expect(sessions).toEqual([
      {
        session_id: session,
        before: 'plan_selected.idle',
        after: 'subscription_created.live',
        facts: [
          expect.objectContaining({ type: 'onboarding.subscription_requested', actor: 'worker', version: 9 }),
          expect.objectContaining({ type: 'onboarding.subscription_created', fact_id: `${session}:9` }),
        ],
      },
    ])
  })

  test('gives each row’s columns before and after, each with the facts that changed it', async () => {
    const { rows } = await between(positions.live, positions.end)
    expect(rows.map(({ table, key, change }) => `${change} ${table} ${key}`)).toEqual(
      expect.arrayContaining([
        'added billing_usage_records usg_1',
        'changed billing_customers cus_ada',
        'added billing_invoices in_ada',
      ]),
    )
    const changed = rows.find(({ table }) => table === 'billing_customers')
    expect(changed?.columns.find(({ column }) => column === 'email')).toEqual({
      column: 'email',
      before: 'ada@example.com',
      after: 'ada@new.example.com',
      facts: [expect.objectContaining({ type: 'stripe.event_received', position: positions.end - 1 })],
    })
    expect(changed?.columns.map(({ column }) => column)).not.toContain('last_position')
  })

  test('gives the money before and after in cents, with what it depends on', async () => {
    const { money } = await between(positions.planSelected, positions.end)
    expect(money).toMatchObject([
      {
        amount: 'outstanding_cents',
        before: 0,
        after: 20_400,
        delta: 20_400,
        facts: [{ position: positions.end }],
      },
      { amount: 'unbilled_usage_cents', before: 0, after: usageCents, delta: usageCents },
      { amount: 'subscription_cents', before: null, after: 4900, delta: 4900 },
    ])
    expect(money[1]?.facts.slice(1).map(({ type }) => type)).toEqual(Array(3).fill('usage.recorded'))
  })

  test('says how a month moves the next invoice: it opens, it closes, its lines are asked for or refused', async () => {
    const changes = async (from: number, to: number) =>
      (await between(from, to)).money.map(({ amount, before, after, facts }) => ({
        ...{ amount, before, after },
        facts: facts.map(({ type }) => type).filter((type) => type.startsWith('usage.')),
      }))
    const january = 4900 + 10_000 + usageCents
    expect(await changes(month.opened - 2, month.opened)).toEqual([
      { amount: 'next_invoice_cents', before: null, after: january, facts: ['usage.window_opened'] },
    ])
    // February's base is due at its start, and March's at its end.
    const closing = { before: january, after: january + 10_000, facts: ['usage.window_closed'] }
    expect(await changes(month.opened, month.closed)).toEqual([
      { amount: 'next_invoice_cents', ...closing },
      {
        ...{ amount: 'unbilled_usage_cents', facts: ['usage.window_closed'] },
        ...{ before: usageCents, after: usageCents + 10_000 },
      },
    ])
    const making = ['usage.lines_made', ...Array(3).fill('usage.line_asked'), 'usage.line_refused']
    expect(await changes(month.closed, month.end)).toEqual([
      { ...{ amount: 'next_invoice_cents', before: january + 10_000, after: 24_900 }, facts: making },
      {
        ...{ amount: 'unbilled_usage_cents', before: usageCents + 10_000, after: 10_000 },
        facts: making,
      },
    ])
  })

  test('takes times like positions: what was recorded up to then', async () => {
    const byTime = await between(at(7), at(60))
    expect(byTime).toEqual(await between(positions.planSelected, positions.end))
    expect(byTime.from).toEqual({ position: positions.planSelected, time: at(7) })
  })

  test('finds nothing where only others changed', async () => {
    const nothing = { sessions: [], rows: [], money: [] }
    expect(await between(positions.end, positions.end + 1)).toMatchObject(nothing)
    expect(await between(positions.end, positions.end)).toMatchObject(nothing)
  })

  test('refuses moments that are none, the wrong way round, and strangers', async () => {
    await expect(between(5, 4)).rejects.toThrow('5 (position 5) is after 4')
    await expect(between(0, 4000)).rejects.toThrow('the log ends at position')
    await expect(between('yesterday', 4)).rejects.toThrow('no position and no ISO 8601 time')
    await expect(diff(db, { tenantId: 'nobody', from: '0', to: '1' })).rejects.toThrow('No such tenant')
  })
})
