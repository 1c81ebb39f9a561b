import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createKey, forgetExpiredTokens, listKeys, revokeKey } from '../../src/auth/keys.ts'
import { forgetEndedLogins } from '../../src/auth/logins.ts'
import { createApp } from '../../src/http/app.ts'
import { adminKey, type Reply } from '../support/requests.ts'
import { type TestApp, testApp } from '../support/test-app.ts'

let t: TestApp
beforeEach(async () => {
  t = await testApp()
})
afterEach(() => t.close())

const origin = 'http://localhost:8080'
const fromPage = { Origin: origin, 'X-Requested-With': 'stepledger-console' }
const keysPath = '/api/v1/admin/keys'

const logIn = (key = adminKey, headers: Record<string, string> = { Origin: origin }, of = t) =>
  of.post('/console/login', undefined, { key, headers })
const cookieOf = ({ headers }: Reply) => headers.get('Set-Cookie')?.split(';')[0] ?? ''
const withCookie = (method: string, path: string, Cookie: string, headers = {}, body?: unknown) =>
  t.request(method, path, body, { key: '', headers: { Cookie, ...headers } })
const makeKey = (Cookie: string, headers: Record<string, string>) =>
  withCookie('POST', keysPath, Cookie, headers, { scope: 'platform' })

describe('the cookie', () => {
  test('is HttpOnly, SameSite=Strict, for eight hours, and says nothing of the key', async () => {
    const reply = await logIn()
    expect(reply.status).toBe(200)
    const cookie = reply.headers.get('Set-Cookie') ?? ''
    const ends = Date.parse(/Expires=([^;]+)/.exec(cookie)?.[1] ?? '')
    expect(Math.abs(ends - Date.now() - 8 * 3_600_000)).toBeLessThan(60_000)
    expect(cookie).toMatch(/^stepledger_console=admin\.[\w-]{43}; /)
    expect(cookie.split('; ').slice(1).sort()).toEqual([
      `Expires=${new Date(ends).toUTCString()}`,
      'HttpOnly',
      'Path=/',
      'SameSite=Strict',
    ])
    expect(`${cookie}${reply.text}`).not.toContain(adminKey)
    expect(reply.headers.get('Cache-Control')).toBe('no-store')
  })

  test('is Secure, and nobody else’s to set, when PUBLIC_URL is https', async () => {
    const secure = await testApp({ environment: { PUBLIC_URL: 'https://billing.example' } })
    const cookie = (await logIn(adminKey, { Origin: 'https://billing.example' }, secure)).headers.get(
      'Set-Cookie',
    )
    expect(cookie).toMatch(/^__Host-stepledger_console=.*; Path=\/; .*Secure/)
    await secure.close()
  })

  test('is stored so that neither the table nor the token alone opens anything', async () => {
    const cookie = cookieOf(await logIn())
    const token = cookie.split('=')[1] ?? ''
    const rows = await t.db.reader.selectFrom('api_keys').selectAll().where('scope', '=', 'session').execute()
    expect(rows).toHaveLength(1)
    expect(JSON.stringify(rows)).not.toContain(token)
    expect((await t.get(keysPath, { key: token })).status).toBe(401)
    expect((await t.get(keysPath, { key: rows[0]?.hash ?? '' })).status).toBe(401)
    expect((await listKeys(t.db)).map(({ key_id }) => key_id)).not.toContain(rows[0]?.key_id)
  })

  test('reads the operators’ routes and no others', async () => {
    const cookie = cookieOf(await logIn())
    expect((await withCookie('GET', keysPath, cookie)).status).toBe(200)
    expect((await withCookie('GET', '/api/v1/billing/status/tenant/tenant_a', cookie)).status).toBe(401)
    expect((await withCookie('POST', '/api/v1/onboarding/start', cookie, fromPage, {})).status).toBe(401)
  })

  test('is no way around a wrong key', async () => {
    const Cookie = cookieOf(await logIn())
    expect((await t.get(keysPath, { key: 'wrong', headers: { Cookie } })).status).toBe(401)
  })

  test('changes something only for our own page', async () => {
    const cookie = cookieOf(await logIn())
    for (const headers of [
      {},
      { Origin: origin },
      { 'X-Requested-With': 'stepledger-console' },
      { ...fromPage, Origin: 'https://evil.example' },
      { ...fromPage, Origin: 'http://localhost:3000' },
      { ...fromPage, Origin: 'null' },
      { ...fromPage, 'X-Requested-With': 'XMLHttpRequest' },
      { ...fromPage, 'Sec-Fetch-Site': 'same-site' },
    ] as Record<string, string>[])
      expect(await makeKey(cookie, headers), JSON.stringify(headers)).toMatchObject({
        status: 403,
        body: { error: { code: 'forbidden' } },
      })
    expect(await listKeys(t.db)).toHaveLength(3)
    expect((await makeKey(cookie, fromPage)).status).toBe(200)
    expect(await listKeys(t.db)).toHaveLength(4)
  })
})

describe('a login', () => {
  test('needs an admin key: a tenant’s and the platform’s are refused, a wrong one is 401', async () => {
    for (const key of [t.keys.a, t.keys.platform]) {
      const reply = await logIn(key)
      expect(reply).toMatchObject({ status: 403, body: { error: { code: 'forbidden' } } })
      expect(reply.headers.get('Set-Cookie')).toBeNull()
    }
    for (const key of ['wrong', '']) {
      const reply = await logIn(key)
      expect(reply).toMatchObject({ status: 401, body: { error: { code: 'unauthenticated' } } })
      expect(reply.headers.get('Set-Cookie')).toBeNull()
    }
  })

  test('is asked for by our own page alone', async () => {
    expect((await logIn(adminKey, {})).status).toBe(403)
    expect((await logIn(adminKey, { Origin: 'https://evil.example' })).status).toBe(403)
  })

  test('is limited in wrong tries, while the right key still gets in', async () => {
    const statuses = []
    for (let tries = 0; tries < 22; tries += 1) statuses.push((await logIn('wrong')).status)
    expect(statuses.slice(0, 20)).toEqual(Array(20).fill(401))
    expect(statuses.slice(20)).toEqual([429, 429])
    expect((await logIn()).status).toBe(200)
  })

  test('ends at logout, here and wherever its cookie was copied to', async () => {
    const cookie = cookieOf(await logIn())
    const other = cookieOf(await logIn())
    const reply = await t.post('/console/logout', undefined, {
      key: '',
      headers: { Cookie: cookie, Origin: origin },
    })
    expect(reply.status).toBe(200)
    expect(reply.headers.get('Set-Cookie')).toMatch(/^stepledger_console=; Max-Age=0; Path=\//)
    expect((await withCookie('GET', keysPath, cookie)).status).toBe(401)
    expect((await withCookie('GET', keysPath, other)).status).toBe(200)
    const again = { key: '', headers: { Cookie: cookie, Origin: origin } }
    expect((await t.post('/console/logout', undefined, again)).status).toBe(200)
    const evil = { key: '', headers: { Cookie: other, Origin: 'https://evil.example' } }
    expect((await t.post('/console/logout', undefined, evil)).status).toBe(403)
  })

  test('ends by real time, whatever time is played, and is forgotten then', async () => {
    const cookie = cookieOf(await logIn())
    const logins = () =>
      t.db.reader
        .selectFrom('api_keys')
        .select(['key_id', 'expires_at'])
        .where('scope', '=', 'session')
        .execute()
    t.clock.now = new Date('2036-03-15T12:00:00.000Z')
    await forgetExpiredTokens(t.db, t.clock.now)
    await forgetEndedLogins(t.db)
    expect((await withCookie('GET', keysPath, cookie)).status).toBe(200)
    expect(await logins()).toHaveLength(1)
    await t.db.transact((trx) =>
      trx
        .updateTable('api_keys')
        .set({ expires_at: new Date().toISOString() })
        .where('scope', '=', 'session')
        .execute(),
    )
    expect((await withCookie('GET', keysPath, cookie)).status).toBe(401)
    await forgetEndedLogins(t.db)
    expect(await logins()).toEqual([])
  })

  test('ends with the key that it was made with', async () => {
    const made = await createKey(t.db, { scope: 'admin', now: t.clock.now })
    const cookie = cookieOf(await logIn(made.key))
    expect((await withCookie('GET', keysPath, cookie)).status).toBe(200)
    await revokeKey(t.db, made.id, t.clock.now)
    expect((await withCookie('GET', keysPath, cookie)).status).toBe(401)
  })

  test('is not carried over to another ADMIN_API_KEY', async () => {
    const cookie = cookieOf(await logIn())
    const config = { ...t.context.config, adminApiKey: 'another-admin-key-altogether' }
    const restarted = createApp({ ...t.context, config })
    const reply = await restarted.request(keysPath, { headers: { Cookie: cookie } })
    expect(reply.status).toBe(401)
  })

  test('acts in the name of its key', async () => {
    const made = await createKey(t.db, { scope: 'admin', now: t.clock.now })
    const cookie = cookieOf(await logIn(made.key))
    t.logLines.length = 0
    await makeKey(cookie, fromPage)
    expect(t.logLines.join()).toContain(`"actor":"key:${made.id}"`)
    const asked = await withCookie('GET', '/console/login', cookie)
    expect(asked.body.data).toEqual({ key_id: made.id, expires_at: expect.stringMatching(/Z$/) })
    expect((await withCookie('GET', '/console/login', 'stepledger_console=admin.x')).body.data).toEqual({
      key_id: null,
      expires_at: null,
    })
  })
})
