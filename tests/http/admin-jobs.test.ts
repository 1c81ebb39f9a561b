import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { recordIncident } from '../support/incident.ts'
import { recordMonth } from '../support/month.ts'
import { adminKey } from '../support/requests.ts'
import { type TestApp, testApp } from '../support/test-app.ts'

let app: TestApp
beforeAll(async () => {
  app = await testApp()
  await recordIncident(app.db)
  await recordMonth(app.db)
})
afterAll(() => app.close())

const admin = { key: adminKey }
const start = (body: object) => app.post('/api/v1/admin/jobs', body, admin)

async function finished(body: object) {
  const reply = await start(body)
  expect(reply).toMatchObject({ status: 200, body: { data: { status: 'running', ended_at: null } } })
  const path = `/api/v1/admin/jobs/${reply.body.data.job_id}`
  for (;;) {
    const { data } = (await app.get(path, admin)).body
    if (data.status !== 'running') return data
    await sleep(5)
  }
}

test('every kind of job runs to its end, with progress and the result that its command prints', async () => {
  const facts = (await app.get('/api/v1/admin/events?limit=100', admin)).body.data.items.length
  expect(await finished({ kind: 'verify' })).toMatchObject({
    status: 'done',
    result: { ok: true, facts },
    progress: { done: facts, total: facts },
    error: null,
    ended_at: expect.any(String),
  })
  await app.db.reader.updateTable('billing_subscriptions').set({ amount_cents: 1 }).execute()
  const drift = [
    { table: 'billing_subscriptions', key: 'sub_ada', column: 'amount_cents', expected: 4900, actual: 1 },
  ]
  expect(await finished({ kind: 'verify_tables' })).toMatchObject({
    status: 'done',
    result: { ok: false, drift },
  })
  expect(await finished({ kind: 'replay' })).toMatchObject({
    status: 'done',
    result: { ok: true, mended: drift },
  })
  expect(await finished({ kind: 'rehearse' })).toMatchObject({ result: { sessions: 1, fine: 1 } })
  const rates = { case: { rate_cents: 2000, per_units: 1 } }
  expect(await finished({ kind: 'reprice', rates })).toMatchObject({
    result: { total: { delta_cents: 3000 }, tenants: [{ next_invoice_cents: { delta_cents: 0 } }] },
  })
  const { items } = (await app.get('/api/v1/admin/jobs', admin)).body.data
  expect(items.map((job: { kind: string }) => job.kind)).toEqual([
    'reprice',
    'rehearse',
    'replay',
    'verify_tables',
    'verify',
  ])
})

test('what cannot be done is refused: unknown kinds, rates where none belong, a third job at once', async () => {
  expect((await start({ kind: 'reboot' })).status).toBe(422)
  expect((await start({ kind: 'reprice' })).status).toBe(422)
  expect((await start({ kind: 'verify', rates: {} })).status).toBe(422)
  expect((await start({ kind: 'reprice', rates: { case: { rate_cents: -1, per_units: 0 } } })).status).toBe(
    422,
  )
  expect((await app.get('/api/v1/admin/jobs/job_none', admin)).status).toBe(404)
  const replies = await Promise.all([1, 2, 3].map(() => start({ kind: 'verify' })))
  expect(replies.map(({ status }) => status).sort()).toEqual([200, 200, 409])
})
