import { readFile } from 'node:fs/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Capsule, capsule, exportCapsule, replayCapsule } from '../../src/ops/capsule.ts'
import { createSqlite, type TestDatabase } from '../support/databases.ts'
import { at, observed, recordAll, stripeEvent } from '../support/facts.ts'
import { customer, recordIncident, recordSteps, secrets, session, steps } from '../support/incident.ts'

let db: TestDatabase
let recorded: Capsule
beforeAll(async () => {
  db = await createSqlite()
  await recordIncident(db)
  recorded = await exportCapsule(db, session, new Date(at(100)))
})
afterAll(() => db.close())

const copy = () => structuredClone(recorded)

test('a capsule has the session’s facts and its tenant’s billing facts, and nothing personal', () => {
  const streams = new Set(recorded.facts.map(({ stream }) => stream.split('-')[0]))
  expect([...streams].sort()).toEqual(['billing', 'onboarding'])
  const text = JSON.stringify(recorded)
  for (const secret of [...secrets, 'localhost', '?for=ada']) expect(text).not.toContain(secret)
  expect(recorded.result).toMatchObject({ place: 'subscription_created.live', stranded: null })
})

test('what was equal is equal still: one placeholder for one text', () => {
  const personal = (index: number) => JSON.parse(JSON.stringify(recorded.facts[index]?.data.personal))
  const { email } = personal(0)
  expect(email).toMatch(/^\[personal \d+\]$/)
  expect(personal(1).params.email).toBe(email)
  expect(personal(0).name).not.toBe(email)
})

test('free text that quotes personal data has the placeholder in its place', async () => {
  const other = await createSqlite()
  try {
    await recordSteps(other, steps.slice(0, 2))
    const failure = {
      attempt: 1,
      code: 'email_invalid',
      decline_code: null,
      is_decline: false,
      personal: { message: 'Ada Lovelace is not at ada@example.com, nor at Analytical Engines' },
    }
    await recordSteps(other, [['onboarding.customer_failed', failure]], 2)
    const { facts } = await exportCapsule(other, session, new Date(at(9)))
    expect(facts[2]?.data.personal).toEqual({ message: expect.stringMatching(/^\[personal \d\]$/) })
    expect(JSON.stringify(facts)).not.toMatch(/Ada|Analytical|ada@/)
  } finally {
    await other.close()
  }
})

test('a request id that is an e-mail address is masked', async () => {
  const other = await createSqlite()
  try {
    await recordSteps(other, steps.slice(0, 1))
    const customerFact = observed('customer', customer('x@example.com'), 3)
    const metadata = { actor: 'worker', request_id: 'ada@request.example.com' }
    await recordAll(other, [{ ...customerFact, metadata }], at(3))
    const { facts } = await exportCapsule(other, session, new Date(at(9)))
    expect(facts[1]?.metadata).toEqual({ actor: 'worker', request_id: '[masked]' })
  } finally {
    await other.close()
  }
})

test('a replay of it, offline, comes to the same place by the same path', async () => {
  const report = await replayCapsule(capsule.parse(JSON.parse(JSON.stringify(recorded))))
  expect(report).toMatchObject({
    ok: true,
    place: 'subscription_created.live',
    differences: [],
    stranded: null,
  })
  expect(report.path.map(({ type }) => type)).toEqual(steps.map(([type]) => type))
})

test('a fact that was changed after the export is found', async () => {
  const changed = copy()
  const fact = changed.facts.find(({ type }) => type === 'onboarding.plan_selected')
  if (fact) fact.data.amount_cents = 1
  const report = await replayCapsule(changed)
  expect(report.ok).toBe(false)
  expect(report.differences[0]).toContain(`position ${fact?.position} was changed`)
})

test('another place, another step and other rows than recorded are differences', async () => {
  const other = copy()
  other.result.place = 'plan_selected.idle'
  other.result.path = other.result.path.map((step, index) => (index === 1 ? { ...step, place: 'new' } : step))
  const [row] = other.result.tables.billing_subscriptions ?? []
  if (row) row.amount_cents = 1
  const { ok, differences } = await replayCapsule(other)
  expect(ok).toBe(false)
  expect(differences).toEqual([
    'the session ends in subscription_created.live; recorded was plan_selected.idle',
    expect.stringContaining('after onboarding.customer_requested'),
    'the facts make other rows of billing_subscriptions',
  ])
})

test('a session that the statechart cannot take is stranded in the replay too; once it can, it is mended', async () => {
  const stranded = await createSqlite()
  try {
    await recordSteps(stranded, steps.slice(0, 3))
    await recordSteps(stranded, [['onboarding.completed', {}]], 3)
    const taken = await exportCapsule(stranded, session, new Date(at(9)))
    expect(taken.result.stranded).toMatchObject({ type: 'onboarding.completed' })
    expect(await replayCapsule(taken)).toMatchObject({
      ok: false,
      stranded: { type: 'onboarding.completed', position: 4 },
    })
  } finally {
    await stranded.close()
  }
  const mended = copy()
  mended.result = { ...mended.result, stranded: { position: 1, type: 'x', message: 'x' }, place: 'new' }
  expect(await replayCapsule(mended)).toMatchObject({ ok: true, stranded: null })
})

test('of a session that is over, what its tenant did later is left out', async () => {
  await recordSteps(db, [['onboarding.completed', {}]], 10)
  const update = stripeEvent('customer.updated', 'customer', customer('later@example.com'), 200)
  await recordAll(db, [update], at(200))
  const { facts } = await exportCapsule(db, session, new Date(at(300)))
  expect(facts.map(({ fact_id }) => fact_id)).not.toContain(update.fact_id)
})

test('an incident of the past goes as it went: a declined card, then a good one', async () => {
  const file = new URL('declined-card.capsule.json', import.meta.url)
  const past = capsule.parse(JSON.parse(await readFile(file, 'utf8')))
  expect(past.facts.map(({ type }) => type)).toContain('onboarding.payment_declined')
  expect(await replayCapsule(past)).toMatchObject({ ok: true, place: 'payment_setup.idle', differences: [] })
})
