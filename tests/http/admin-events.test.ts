import { afterAll, beforeAll, expect, test } from 'vitest'
import { RedactedFact } from '../../src/ops/redact.ts'
import { recordAll, usageRecorded } from '../support/facts.ts'
import { adminKey } from '../support/requests.ts'
import { type TestApp, testApp } from '../support/test-app.ts'

let app: TestApp
beforeAll(async () => {
  app = await testApp()
})
afterAll(() => app.close())

const admin = { key: adminKey }
const get = async (path: string) => (await app.get(`/api/v1/admin${path}`, admin)).body.data

/** Reads the stream until it has so many events; then goes away. */
async function listen(path: string, count: number, headers: Record<string, string> = {}) {
  const gone = new AbortController()
  const response = await app.app.request(`/api/v1/admin/events/stream${path}`, {
    headers: { 'X-API-Key': adminKey, ...headers },
    signal: gone.signal,
  })
  const events: { id: number; data: Record<string, unknown> }[] = []
  let text = ''
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader()
  while (events.length < count) {
    const chunk = await reader?.read()
    if (chunk === undefined || chunk.done) break
    text += chunk.value
    const parts = text.split('\n\n')
    text = parts.pop() ?? ''
    for (const part of parts) {
      const id = /^id: (\d+)$/m.exec(part)?.[1]
      const data = /^data: (.*)$/m.exec(part)?.[1]
      if (id !== undefined && data !== undefined) events.push({ id: Number(id), data: JSON.parse(data) })
    }
  }
  await reader?.cancel()
  gone.abort()
  return { status: response.status, type: response.headers.get('Content-Type'), events }
}

test('the log is read in pages, filtered, without personal data', async () => {
  const first = await get('/events?limit=2')
  expect(first.items.map((one: { position: number }) => one.position)).toEqual([1, 2])
  expect(first.next_cursor).toBe('2')
  expect(await get('/events?after=2&limit=5')).toMatchObject({ items: [{ position: 3 }], next_cursor: null })
  const { items } = await get('/events?tenant_id=tenant_a&type=stripe.object_observed')
  expect(items).toMatchObject([
    {
      stream: 'billing-tenant_a',
      data: { personal: '[personal]' },
      hash: expect.stringMatching(/^[0-9a-f]{64}$/),
    },
  ])
  const refused = await app.get('/api/v1/admin/events?personal=true', admin)
  expect(refused.text).not.toContain('owner@')
})

test('a fact is answered with the fields of its shape, whatever more its row has', async () => {
  const shape = Object.keys(RedactedFact.shape)
  const [listed] = (await get('/events?limit=1')).items
  expect(Object.keys(listed).toSorted()).toEqual([...shape, 'previous_hash', 'hash'].toSorted())
  expect(Object.keys(await get('/events/1')).toSorted()).toEqual(shape.toSorted())
})

test('of a fact all but what is personal is shown; who looks at that leaves a fact', async () => {
  const [{ position, fact_id }] = (await get('/events?stream=billing-tenant_a')).items
  const { about, data } = await get(`/events/${position}`)
  expect(about).toBe('customer cus_tenant_a')
  expect(data).toMatchObject({
    personal: '[personal]',
    object: { id: 'cus_tenant_a', balance: 0, email: null },
  })
  expect((await get('/events?stream=operators')).items).toEqual([])
  const whole = await app.post(`/api/v1/admin/events/${position}/personal`, undefined, admin)
  expect(whole.body.data.data.object.email).toBe('owner@tenant_a.example')
  expect((await get('/events?stream=operators')).items).toMatchObject([
    {
      type: 'operator.personal_viewed',
      tenant_id: 'tenant_a',
      data: { position, fact_id },
      metadata: { actor: 'key:admin' },
    },
  ])
  expect((await app.get('/api/v1/admin/events/999', admin)).status).toBe(404)
  expect((await app.post('/api/v1/admin/events/999/personal', undefined, admin)).status).toBe(404)
})

test('the stream goes on where a reader left, filtered, and brings what is recorded meanwhile', async () => {
  const all = await listen('', 3)
  expect(all).toMatchObject({ status: 200, events: [{ id: 1 }, { id: 2 }, { id: 3 }] })
  expect(all.type).toContain('text/event-stream')
  expect(JSON.stringify(all.events)).not.toContain('owner@')
  const resumed = listen('?after=1&type=usage.recorded', 1, { 'Last-Event-ID': '2' })
  await recordAll(app.db, [usageRecorded('usg_live', 1)])
  expect((await resumed).events).toMatchObject([{ id: 5, data: { type: 'usage.recorded', position: 5 } }])
  expect((await listen('', 1, { 'Last-Event-ID': 'last' })).status).toBe(422)
})

test('a fact tells whether something personal is in it, and that it was erased', async () => {
  await recordAll(app.db, [
    usageRecorded('usg_bare', 1),
    usageRecorded('usg_told', 2, { personal: { idempotency_key: 'k', metadata: {} } }),
  ])
  const personalOf = async (recordId: string) => {
    const { items } = await get('/events?type=usage.recorded')
    const { position } = items.find((one: { data: { record_id: string } }) => one.data.record_id === recordId)
    return (await get(`/events/${position}`)).data.personal
  }
  expect([await personalOf('usg_bare'), await personalOf('usg_told')]).toEqual([undefined, '[personal]'])

  const [{ position }] = (await get('/events?stream=billing-tenant_b')).items
  const erased = await app.post('/api/v1/admin/tenants/tenant_b/erase', { keep_stripe: true }, admin)
  expect(erased.status).toBe(200)
  expect((await get(`/events/${position}`)).data.personal).toBe('[erased]')
})

test('no operator’s route lets another scope in, and each is in the OpenAPI document', async () => {
  const { paths } = (await app.get('/openapi.json')).body
  const routes = Object.keys(paths).filter((path) => path.startsWith('/api/v1/admin/'))
  expect(routes.length).toBeGreaterThan(18)
  for (const path of routes)
    for (const method of Object.keys(paths[path]))
      for (const [key, status] of [
        [app.keys.platform, 403],
        [app.keys.a, 403],
        ['', 401],
      ] as const) {
        const at = path.replaceAll(/\{\w+\}/g, 'x')
        const body = method === 'post' ? {} : undefined
        const reply = await app.request(method.toUpperCase(), at, body, { key })
        expect([at, key, reply.status]).toEqual([at, key, status])
      }
})

test('keys are made, listed without themselves and revoked', async () => {
  const made = await app.post('/api/v1/admin/keys', { scope: 'tenant', tenant_id: 'tenant_a' }, admin)
  const { id, key } = made.body.data
  const usage = '/api/v1/billing/usage/tenant/tenant_a/summary'
  expect((await app.get(usage, { key })).status).toBe(200)
  const list = await app.get('/api/v1/admin/keys', admin)
  expect(list.text).toContain(id)
  expect(list.text).not.toContain(key)
  expect((await app.post(`/api/v1/admin/keys/${id}/revoke`, undefined, admin)).status).toBe(200)
  expect((await app.get(usage, { key })).status).toBe(401)
  expect((await app.post('/api/v1/admin/keys/key_none/revoke', undefined, admin)).status).toBe(404)
  expect((await app.post('/api/v1/admin/keys', { scope: 'tenant' }, admin)).status).toBe(422)
})
