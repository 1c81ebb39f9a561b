import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { serve } from '@hono/node-server'
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { createKey, revokeKey } from '../../src/auth/keys.ts'
import { watchStreams } from '../../src/log/watch.ts'
import { adminKey } from '../support/requests.ts'
import { type Service, startService } from '../support/service.ts'
import { wizard } from '../support/wizard.ts'

let service: Service
let url: string
let closeServer: () => void
/** As this file moves it; the streams' own timers go by real time. */
const clock = { nowMs: Date.now() }
beforeAll(async () => {
  service = await startService({ clock })
  const server = serve({ fetch: service.app.fetch, port: 0, hostname: '127.0.0.1' })
  await once(server, 'listening')
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  closeServer = () => server.close()
})
afterAll(async () => {
  closeServer()
  await service.close()
})

let session: ReturnType<typeof wizard>
beforeEach(async () => {
  session = wizard(service)
  await session.start()
})

type Opened = { status: number; retryAfter: string | null; ended: Promise<string>; leave: () => void }

async function open(path: string, headers: Record<string, string>, method = 'GET'): Promise<Opened> {
  const leaving = new AbortController()
  onTestFinished(() => leaving.abort())
  const response = await fetch(`${url}${path}`, { method, headers, signal: leaving.signal })
  const ended = response.text()
  ended.catch(() => {})
  return {
    status: response.status,
    retryAfter: response.headers.get('Retry-After'),
    ended,
    leave: () => leaving.abort(),
  }
}
const withKey = (key: string) => ({ 'X-API-Key': key })
const ofSession = (key: string, method?: string) =>
  open(`/api/v1/onboarding/${session.of.sessionId}/stream`, withKey(key), method)
const ofLog = (headers: Record<string, string>) => open('/api/v1/admin/events/stream?after=1000000', headers)
const newKey = (scope: 'platform' | 'admin') =>
  createKey(service.context.db, { scope, now: service.context.now() })

/** One more, as soon as a place is free: who leaves is noticed a moment later. */
const openedSoon = (key: string) =>
  expect.poll(async () => (await ofSession(key)).status, { timeout: 5000 }).toBe(200)

describe('streams are so many and no more', () => {
  test('a session’s token has ten; the eleventh is 429 with Retry-After until one is left, and others go on', async () => {
    const opened = await Promise.all(Array.from({ length: 10 }, () => ofSession(session.of.token)))
    expect(opened.map(({ status }) => status)).toEqual(Array(10).fill(200))
    const refused = await ofSession(session.of.token)
    expect([refused.status, Number(refused.retryAfter) > 0]).toEqual([429, true])
    expect(JSON.parse(await refused.ended).error.code).toBe('rate_limited')
    expect((await ofSession(adminKey)).status).toBe(200)
    const other = wizard(service)
    await other.start()
    const theirs = await open(`/api/v1/onboarding/${other.of.sessionId}/stream`, withKey(other.of.token))
    expect(theirs.status).toBe(200)
    opened[0]?.leave()
    await openedSoon(session.of.token)
  })

  test('a key has a hundred, and all together have five hundred, the operators’ among them', async () => {
    const keys = await Promise.all(Array.from({ length: 6 }, async () => (await newKey('admin')).key))
    const statuses: number[] = []
    for (const key of keys) {
      const opened = await Promise.all(
        Array.from({ length: key === keys[0] ? 101 : 100 }, (_, index) =>
          index % 2 ? ofSession(key) : ofLog(withKey(key)),
        ),
      )
      statuses.push(...opened.map(({ status }) => status))
    }
    expect(statuses.slice(0, 101).sort()).toEqual([...Array(100).fill(200), 429])
    expect(statuses.filter((status) => status === 200)).toHaveLength(500)
    // Requests that are no streams go on.
    expect((await session.show()).status).toBe(200)
  })

  test('a HEAD takes no place: nobody would ever leave it', async () => {
    for (let count = 0; count < 12; count += 1)
      expect((await ofSession(session.of.token, 'HEAD')).status).toBe(200)
    expect((await ofSession(session.of.token)).status).toBe(200)
  })
})

/** At the console's own door, as its page. */
const console = (path: string, headers: Record<string, string>) =>
  service.app.request(`/console${path}`, {
    method: 'POST',
    headers: { ...headers, Origin: 'http://localhost:8080' },
  })
const logout = async (cookie: Record<string, string>) => {
  await console('/logout', cookie)
}
/** Their time is real: it is the row that is made old. */
async function expireLogins(): Promise<void> {
  await service.context.db.transact((trx) =>
    trx
      .updateTable('api_keys')
      .set({ expires_at: new Date().toISOString() })
      .where('key_id', 'like', 'console_%')
      .execute(),
  )
}

describe('a stream ends', () => {
  /** A stream that goes on fails the test when its time is over. */
  const ends = ({ ended }: Opened) => expect(ended).resolves.toBeTypeOf('string')

  test('when its key is revoked, and one under another key goes on', async () => {
    const { id, key } = await newKey('platform')
    const admin = await newKey('admin')
    const [revoked, log, other] = [
      await ofSession(key),
      await ofLog(withKey(admin.key)),
      await ofSession(adminKey),
    ]
    await revokeKey(service.context.db, id, service.context.now())
    await revokeKey(service.context.db, admin.id, service.context.now())
    await Promise.all([ends(revoked), ends(log)])
    expect((await ofSession(key)).status).toBe(401)
    await session.cancel()
    expect(await other.ended).toContain('event: onboarding.cancelled')
  })

  test('when a session’s token expires', async () => {
    const stream = await ofSession(session.of.token)
    clock.nowMs += 365 * 24 * 3_600_000
    await ends(stream)
    expect((await ofSession(session.of.token)).status).toBe(401)
  })

  test.each([
    ['is closed', logout],
    ['is eight hours old', expireLogins],
  ])('when the console login that it came with %s', async (_, end) => {
    const reply = await console('/login', withKey(adminKey))
    const Cookie = reply.headers.get('Set-Cookie')?.split(';')[0] ?? ''
    const stream = await ofLog({ Cookie })
    expect(stream.status).toBe(200)
    await end({ Cookie })
    await ends(stream)
  })
})

test('a writer pays for one look, however many streams are open', async () => {
  const { db } = service.context
  let woken = 0
  const watch = watchStreams(db)
  const forget = Array.from({ length: 1000 }, (_, index) =>
    watch(index === 0 ? `onboarding-${session.of.sessionId}` : `onboarding-${index}`, () => {
      woken += 1
    }),
  )
  // The first look wakes everybody once.
  await expect.poll(() => woken).toBe(1000)
  await session.cancel()
  await expect.poll(() => woken).toBe(1001)
  for (const each of forget) each()
})
