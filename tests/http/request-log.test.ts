import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { AppError } from '../../src/errors.ts'
import { maskText } from '../../src/logging/mask.ts'
import { adminKey } from '../support/requests.ts'
import { type TestApp, testApp } from '../support/test-app.ts'

let t: TestApp
beforeEach(async () => {
  t = await testApp()
})
afterEach(() => t.close())

const lines = () => t.logLines.map((line) => JSON.parse(line))

test('a request is one line: method, pattern, status, duration, request id, who and for whom', async () => {
  const path = '/api/v1/billing/usage/tenant/tenant_a/summary?period_start=2026-03-01T00:00:00Z'
  await t.get(path, { key: t.keys.a, headers: { 'X-Request-Id': 'r-1' } })
  expect(lines()).toEqual([
    {
      level: 'info',
      time: expect.any(String),
      msg: 'request',
      method: 'GET',
      route: '/api/v1/billing/usage/tenant/:tenant_id/summary',
      status: 200,
      duration_ms: expect.any(Number),
      request_id: 'r-1',
      actor: expect.stringMatching(/^key:key_/),
      tenant_id: 'tenant_a',
    },
  ])
})

test('a refusal is logged with its code and without its cause, a failure with it', async () => {
  await t.post('/api/v1/billing/usage', '{"email": ', { key: t.keys.a })
  expect(lines()).toMatchObject([{ status: 400, code: 'malformed_request', route: '/api/v1/billing/usage' }])
  expect(lines()[0]).not.toHaveProperty('err')
})

describe('planted secrets and personal data', () => {
  const secrets = [
    ...['sk_test_51PlantedSecretKey', 'rk_live_Planted1', 'whsec_PlantedWebhookSecret', 'slk_PlantedKey-1_x'],
    ...[
      'seti_1Planted_secret_Abc',
      'pi_3Planted_secret_Def',
      'sls_PlantedSession',
      'planted.person@mail.example',
    ],
    ...['+1 (555) 867-5309', '555-867-5309', '15558675309', 'Planted Person'],
  ]
  const unnamed = secrets.filter((secret) => secret !== 'Planted Person')

  test('are in no log line and no reply, wherever a request carries them', async () => {
    const headers = {
      Authorization: 'Bearer slk_PlantedBearer',
      'Stripe-Signature': 't=1,v1=PlantedSignature',
      Cookie: 'session=PlantedCookie',
      'User-Agent': secrets.join(' '),
    }
    const query = `?${new URLSearchParams(secrets.map((secret) => ['q', secret]))}`
    const replies = []
    for (const secret of secrets) {
      const body = {
        email: secret,
        [secret]: secret,
        tenant_id: secret,
        usage_type: secret,
        metadata: { secret },
      }
      for (const key of [t.keys.platform, secret.replaceAll(/[^!-~]/g, '')]) {
        replies.push(await t.post('/api/v1/billing/usage', body, { key, headers }))
        replies.push(await t.post('/api/v1/billing/usage', JSON.stringify(body).slice(1), { key }))
        replies.push(
          await t.get(`/api/v1/billing/usage/tenant/${encodeURIComponent(secret)}/summary${query}`, { key }),
        )
        replies.push(await t.get(`/api/v1/${encodeURIComponent(secret)}${query}`, { key, headers }))
      }
    }
    const said = replies.map(({ text }) => text).join('\n') + t.logLines.join('\n')
    for (const secret of [
      ...unnamed,
      'PlantedBearer',
      'PlantedSignature',
      'PlantedCookie',
      ...Object.values(t.keys),
    ])
      expect(said).not.toContain(secret)
    expect(t.logLines.join('\n')).not.toContain('Planted')
  })

  test('are masked in errors, messages, bindings and fields that anybody logs', async () => {
    const { log } = t.context
    for (const secret of unnamed) {
      log.info(`it was ${secret}`)
      log.info({ where: { deep: [secret] } }, 'nested')
      log.child({ bound: secret }).warn('bound')
      const cause = Object.assign(new Error(`cause ${secret}`), {
        raw: { headers: { authorization: secret } },
      })
      log.error({ err: new AppError('conflict', `failed: ${secret}`, { cause }) }, 'failed')
    }
    const personal = {
      email: 'x',
      name: 'Planted Person',
      phone: 'y',
      client_secret: 'z',
      session_token: 'w',
    }
    log.info({ customer: personal, headers: { 'x-api-key': 'PlantedHeader' }, key: adminKey }, adminKey)
    const said = t.logLines.join('\n')
    for (const secret of [...secrets, 'PlantedHeader', adminKey]) expect(said).not.toContain(secret)
  })

  test('leave ids, times, positions and amounts readable', () => {
    const readable = {
      request_id: 'b1f5e4a0-1234-4567-8901-123456789012',
      at: '2026-03-15T12:00:00.000Z',
      price: 'price_1ABC123',
      session: 'onboarding-b1f5e4a0-1234-4567-8901-123456789012',
      amount_cents: 9_007_199_254_740_991,
      text: 'invoice in_1ABC of 12345 cents, version 12, 2026-03-15',
    }
    t.context.log.info(readable, 'fine')
    expect(lines()[0]).toMatchObject(readable)
  })
})

// A pattern that searched again from each letter would take this test’s whole time for one of these texts.
test.each(['a', 'a:', 'a.', '1', '+1', '1 ', 'Bearer ', 'ab_', '_secret_', '://a:', 'a@', 'a@b-', '(555) '])(
  'a secret behind a long text of “%s” is masked as any other',
  (part) => {
    const long = part.repeat(200_000 / part.length)
    for (const text of [long, `x://${long}`]) {
      const masked = maskText(`${text} sk_test_51PlantedSecretKey`)
      expect(masked.endsWith('[masked]')).toBe(true)
      expect(masked).not.toContain('Planted')
    }
  },
)
