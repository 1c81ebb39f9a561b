import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createKey, forgetExpiredTokens } from '../../src/auth/keys.ts'
import { forgetIdempotencyKeys } from '../../src/http/idempotency-keys.ts'
import { type Service, startService } from '../support/service.ts'
import { applicant, wizard } from '../support/wizard.ts'

const clock = { nowMs: Date.parse('2026-03-01T00:00:00Z') }
const day = 24 * 3_600_000
let service: Service
let platform: string
beforeAll(async () => {
  service = await startService({ clock, environment: { ONBOARDING_SESSION_TTL_HOURS: '720' } })
  platform = service.keys.platform
})
afterAll(() => service.close())

const start = (idempotencyKey: string, body: object = applicant, key = platform) =>
  service.request('POST', '/onboarding/start', body, { key, headers: { 'Idempotency-Key': idempotencyKey } })
const stranger = { ...applicant, email: 'eve@example.com', name: 'Eve', company_name: 'Evil Engines' }

/** So much later, after what the upkeep does every hour. */
async function later(ms: number): Promise<void> {
  clock.nowMs += ms
  await forgetIdempotencyKeys(service.context.db, service.context.now())
  await forgetExpiredTokens(service.context.db, service.context.now())
}
const sessions = async () =>
  (await service.context.db.reader.selectFrom('onboarding_sessions').selectAll().execute()).length
const reads = async (token: string, sessionId: string) =>
  (await service.request('GET', `/onboarding/${sessionId}`, undefined, { key: token })).status

describe('an Idempotency-Key of start that is used again', () => {
  test.each([
    ['at once', 0],
    ['after a day', 25 * 3_600_000],
    ['after a month', 31 * day],
    ['after a year', 365 * day],
  ])('%s by another applicant is 409: never the first one’s session or token', async (when, ms) => {
    const first = await start(`signup ${when}`)
    expect(first.status).toBe(200)
    const before = await sessions()
    await later(ms)
    const second = await start(`signup ${when}`, stranger)
    expect([second.status, second.body.error.code]).toEqual([409, 'idempotency_mismatch'])
    const words = JSON.stringify(second.body)
    for (const theirs of [first.body.data.session_id, first.body.data.tenant_id, 'sls_'])
      expect(words).not.toContain(theirs)
    // The stranger's try does not take the key away from its owner either.
    const owner = await start(`signup ${when}`)
    expect([owner.status, owner.body.data.session_id]).toEqual([200, first.body.data.session_id])
    expect(await sessions()).toBe(before)
  })

  test('by the same caller with the same body gives the same session and the same token, for as long as it is open', async () => {
    const first = (await start('mine')).body.data
    await later(2 * day)
    const again = (await start('mine')).body.data
    expect([again.session_id, again.tenant_id, again.session_token]).toEqual([
      first.session_id,
      first.tenant_id,
      first.session_token,
    ])
    // Neither does the session live longer by it.
    expect(again.expires_at).toBe(first.expires_at)
    expect(await reads(again.session_token, first.session_id)).toBe(200)
  })

  test('of a session that is over opens nothing any more', async () => {
    const first = (await start('over')).body.data
    await service.request('POST', '/onboarding/cancel', { session_id: first.session_id })
    await later(60 * day)
    const again = (await start('over')).body.data
    expect([again.session_id, again.status]).toEqual([first.session_id, 'cancelled'])
    expect(await reads(again.session_token, first.session_id)).toBe(401)
  })

  test('by another caller is another caller’s: a session of their own', async () => {
    const other = (await createKey(service.context.db, { scope: 'platform', now: service.context.now() })).key
    const [mine, theirs] = [await start('shared'), await start('shared', stranger, other)]
    expect([mine.status, theirs.status]).toEqual([200, 200])
    expect(theirs.body.data.session_id).not.toBe(mine.body.data.session_id)
    expect(theirs.body.data.tenant_id).not.toBe(mine.body.data.tenant_id)
    expect(await reads(theirs.body.data.session_token, mine.body.data.session_id)).toBe(404)
  })

  test('many times at once opens one session', async () => {
    const before = await sessions()
    const replies = await Promise.all(Array.from({ length: 8 }, () => start('at once')))
    expect(new Set(replies.map(({ body }) => JSON.stringify(body))).size).toBe(1)
    expect(await sessions()).toBe(before + 1)
  })

  test('under another admin key of the settings gives a token that works', async () => {
    const admin = wizard(service, { request: { headers: { 'Idempotency-Key': 'rotated' } } })
    await admin.start()
    const restarted = await startService({
      directory: service.directory,
      sandbox: service.sandbox,
      clock,
      catalogue: false,
      environment: { ADMIN_API_KEY: 'another-admin-key-of-the-tests', ONBOARDING_SESSION_TTL_HOURS: '720' },
    })
    const reply = await restarted.request('POST', '/onboarding/start', applicant, {
      key: 'another-admin-key-of-the-tests',
      headers: { 'Idempotency-Key': 'rotated' },
    })
    expect(reply.body.data.session_id).toBe(admin.of.sessionId)
    expect(await reads(reply.body.data.session_token, admin.of.sessionId)).toBe(200)
    await restarted.close()
  })
})
