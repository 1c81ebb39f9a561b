import { once } from 'node:events'
import { request } from 'node:http'
import { serve } from '@hono/node-server'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createKey, revokeKey, sessionToken, storeSessionToken } from '../../src/auth/keys.ts'
import { adminKey } from '../support/requests.ts'
import { type TestApp, testApp } from '../support/test-app.ts'

let t: TestApp
beforeEach(async () => {
  t = await testApp()
})
afterEach(() => t.close())

const path = '/api/v1/billing/usage/tenant/tenant_a/summary'
const statusWith = async (key: string) => (await t.get(path, { key })).status
const usage = (tenant_id: string) => ({ tenant_id, usage_type: 'case', quantity: 1 })
const recorded = () => t.db.reader.selectFrom('billing_usage_records').selectAll().execute()

/** The token of a session of tenant_a, stored as `start` stores it. */
async function sessionKey(expiresAt = '2026-03-18T12:00:00.000Z') {
  const token = sessionToken(t.keys.platform, 'session-1')
  const session = {
    sessionId: 'session-1',
    tenantId: 'tenant_a',
    now: t.clock.now.toISOString(),
    expiresAt,
  }
  await t.db.transact((trx) => storeSessionToken(trx, { token, ...session }))
  return token
}

describe('who gets in', () => {
  test('no, wrong, revoked and expired keys get one and the same 401', async () => {
    const revoked = await createKey(t.db, { scope: 'platform', now: t.clock.now })
    expect(await statusWith(revoked.key)).toBe(200)
    expect(await revokeKey(t.db, revoked.id, t.clock.now)).toBe(true)
    const expired = await sessionKey(t.clock.now.toISOString())
    const replies = await Promise.all(
      ['', 'wrong', `${adminKey}x`, 'x'.repeat(5000), revoked.key, expired].map((key) =>
        t.get(path, { key }),
      ),
    )
    for (const { status, body } of replies) {
      expect(status).toBe(401)
      expect({ ...body.error, request_id: '' }).toEqual({
        code: 'unauthenticated',
        message: expect.any(String),
        details: {},
        request_id: '',
      })
    }
    expect(new Set(replies.map(({ body }) => body.error.message)).size).toBe(1)
  })

  test('a key is good in X-API-Key and as Authorization: Bearer', async () => {
    expect(await statusWith(t.keys.platform)).toBe(200)
    expect(await statusWith(adminKey)).toBe(200)
    const headers = { Authorization: `Bearer ${t.keys.a}` }
    expect((await t.get(path, { key: '', headers })).status).toBe(200)
  })

  test('keys have 256 bits and are stored as SHA-256 alone', async () => {
    const { key } = await createKey(t.db, { scope: 'admin', now: t.clock.now })
    expect(Buffer.from(key.replace('slk_', ''), 'base64url')).toHaveLength(32)
    const stored = JSON.stringify(await t.db.reader.selectFrom('api_keys').selectAll().execute())
    for (const secret of [key, ...Object.values(t.keys)]) expect(stored).not.toContain(secret)
  })

  test('a tenant key needs a tenant, the others take none', async () => {
    await expect(createKey(t.db, { scope: 'tenant', now: t.clock.now })).rejects.toThrow('tenant_id')
    const wrong = createKey(t.db, { scope: 'admin', tenantId: 'tenant_a', now: t.clock.now })
    await expect(wrong).rejects.toThrow('tenant_id')
  })

  test('revoking says whether there was such a key, and can be repeated', async () => {
    const { id } = await createKey(t.db, { scope: 'admin', now: t.clock.now })
    expect(await revokeKey(t.db, id, t.clock.now)).toBe(true)
    expect(await revokeKey(t.db, id, new Date('2027-01-01'))).toBe(true)
    expect(await revokeKey(t.db, 'key_none', t.clock.now)).toBe(false)
  })
})

describe('guessing keys', () => {
  const guess = () => t.get(path, { key: 'slk_guess' })

  test('is answered 429 with Retry-After after twenty, while good keys and requests without one go on', async () => {
    for (let count = 0; count < 20; count += 1) expect((await guess()).status).toBe(401)
    const { status, body, headers } = await guess()
    expect([status, body.error.code]).toEqual([429, 'rate_limited'])
    expect(Number(headers.get('Retry-After'))).toBeGreaterThan(0)
    expect(await statusWith(t.keys.a)).toBe(200)
    expect(await statusWith('')).toBe(401)
    // A leap of the service's clock is no pause of who guesses.
    t.clock.now = new Date(t.clock.now.getTime() + 86_400_000)
    expect((await guess()).status).toBe(429)
  })

  test('from one address does not shut out another', async () => {
    const server = serve({ fetch: t.app.fetch, port: 0, hostname: '0.0.0.0' })
    await once(server, 'listening')
    const { port } = server.address() as { port: number }
    const guessFrom = async (localAddress: string) => {
      const options = { host: '127.0.0.1', port, path, localAddress, agent: false as const }
      const sent = request({ ...options, headers: { 'X-API-Key': 'slk_guess' } }).end()
      const [response] = await once(sent, 'response')
      response.resume()
      return response.statusCode
    }
    for (let count = 0; count < 20; count += 1) await guessFrom('127.0.0.2')
    expect(await guessFrom('127.0.0.2')).toBe(429)
    expect(await guessFrom('127.0.0.3')).toBe(401)
    await new Promise((resolve) => server.close(resolve))
  })
})

describe("another tenant's", () => {
  test.each([
    ['path', () => t.get('/api/v1/billing/usage/tenant/tenant_b/summary', { key: t.keys.a })],
    ['query', () => t.get(`${path}?tenant_id=tenant_b`, { key: t.keys.a })],
    ['header', () => t.get(path, { key: t.keys.a, headers: { 'X-Tenant-Id': 'tenant_b' } })],
    ['body', () => t.post('/api/v1/billing/usage', usage('tenant_b'), { key: t.keys.a })],
  ])(
    'tenant in the %s is 404 for a tenant key, as an unknown one, and nothing is written',
    async (_, send) => {
      const { status, body } = await send()
      expect([status, body.error.code]).toEqual([404, 'not_found'])
      expect(await recorded()).toEqual([])
    },
  )

  test('tenants look the same as unknown ones', async () => {
    const others = await t.post('/api/v1/billing/usage', usage('tenant_b'), { key: t.keys.a })
    const unknown = await t.post('/api/v1/billing/usage', usage('nobody'), { key: t.keys.a })
    expect({ ...others.body.error, request_id: '' }).toEqual({ ...unknown.body.error, request_id: '' })
  })

  test('tenant may be named by a platform key', async () => {
    expect((await t.post('/api/v1/billing/usage', usage('tenant_b'))).status).toBe(200)
  })
})

describe('scopes', () => {
  test('a tenant key or a session token on an operator route is 403, whether or not the route exists', async () => {
    for (const key of [t.keys.a, t.keys.platform, await sessionKey()])
      expect((await t.post('/api/v1/admin/anything', {}, { key })).status).toBe(403)
    expect((await t.post('/api/v1/admin/anything', {}, { key: adminKey })).status).toBe(404)
  })

  test('a session token reaches no route but those of its onboarding', async () => {
    const key = await sessionKey()
    expect((await t.get(path, { key })).status).toBe(403)
    expect((await t.post('/api/v1/billing/usage', usage('tenant_a'), { key })).status).toBe(403)
  })

  test('a repeated start makes the same token and stores it once', async () => {
    expect(await sessionKey()).toBe(await sessionKey())
    const stored = await t.db.reader
      .selectFrom('api_keys')
      .where('scope', '=', 'session')
      .selectAll()
      .execute()
    expect(stored).toMatchObject([{ session_id: 'session-1', tenant_id: 'tenant_a' }])
    expect(sessionToken(t.keys.a, 'session-1')).not.toBe(sessionToken(t.keys.platform, 'session-1'))
  })

  test('every route under /api/v1 says who may use it', async () => {
    const { body } = await t.get('/openapi.json', { key: '' })
    for (const [route, methods] of Object.entries<Record<string, Record<string, unknown>>>(body.paths)) {
      if (!route.startsWith('/api/v1') || route.endsWith('/webhooks')) continue
      for (const [method, operation] of Object.entries(methods))
        expect(operation['x-scopes'], `${method} ${route}`).toContain('admin')
    }
  })
})
