import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { screenOf } from '../../src/web/wizard/screen.ts'
import { type Service, startService } from '../support/service.ts'
import { applicant } from '../support/wizard.ts'

const sandboxed = { STRIPE_API_BASE: '', STRIPE_SECRET_KEY: '' }
const running: Service[] = []
const service = async (environment?: Record<string, string>) => {
  const started = await startService(environment ? { environment, catalogue: false } : {})
  running.push(started)
  return started
}
afterAll(() => Promise.all(running.map((each) => each.close())))

const ours = { Origin: 'http://localhost:8080', Host: 'localhost:8080' }
const begin = (app: Service['app'], headers: Record<string, string> = ours, body: object = applicant) =>
  app.request('/onboarding/demo-session', { method: 'POST', headers, body: JSON.stringify(body) })

describe('a page may begin by itself', () => {
  let demo: Service
  beforeAll(async () => {
    demo = await service(sandboxed)
  })

  test('with a token that is good for its session alone, and the same one for a second attempt', async () => {
    const keyed = { ...ours, 'Idempotency-Key': 'attempt-1' }
    const [first, second] = [await begin(demo.app, keyed), await begin(demo.app, keyed)]
    const { data } = (await first.json()) as { data: { session_id: string; session_token: string } }
    expect(((await second.json()) as { data: object }).data).toEqual(data)
    const other = await begin(demo.app, keyed, { ...applicant, email: 'else@example.com' })
    expect(((await other.json()) as { data: typeof data }).data.session_id).not.toBe(data.session_id)
    const path = `/onboarding/${data.session_id}`
    expect(await demo.request('GET', path, undefined, { key: data.session_token })).toMatchObject({
      status: 200,
    })
    const start = await demo.request('POST', '/onboarding/start', applicant, { key: data.session_token })
    expect(start).toMatchObject({ status: 403 })
  })

  test.each([
    ['without an origin', {}],
    ['from another site', { Origin: 'https://evil.example', Host: 'localhost:8080' }],
    ['from another program on this machine', { Origin: 'http://localhost:3000', Host: 'localhost:8080' }],
    ['by a name that was bent to this machine', { Origin: 'http://evil.example', Host: 'evil.example' }],
    ['across sites, says the browser', { ...ours, 'Sec-Fetch-Site': 'cross-site' }],
  ])('but not %s', async (_, headers) => {
    expect((await begin(demo.app, headers)).status).toBe(403)
  })

  test('with fields that /onboarding/start takes, and not too often', async () => {
    expect((await begin(demo.app, ours, { ...applicant, email: 'x', extra: 1 })).status).toBe(422)
    const statuses = []
    for (let count = 0; count < 25; count += 1) statuses.push((await begin(demo.app, ours, {})).status)
    expect(statuses.at(-1)).toBe(429)
  })
})

test('with a real Stripe key the page cannot begin by itself, and no card number comes near the service', async () => {
  const { app } = await service({
    ...sandboxed,
    STRIPE_SECRET_KEY: 'sk_test_real',
    STRIPE_PUBLISHABLE_KEY: 'pk_test_real',
  })
  expect((await begin(app)).status).toBe(404)
  const bridge = { method: 'POST', headers: ours, body: 'type=card' }
  expect((await app.request('/onboarding/sandbox/v1/payment_methods', bridge)).status).toBe(404)
  const page = await app.request('/onboarding')
  expect(page.headers.get('Content-Security-Policy')).toContain("script-src 'self' https://js.stripe.com")
  expect(await (await app.request('/onboarding/settings.json')).json()).toMatchObject({
    cards: 'stripe',
    can_begin: false,
  })
})

test.each([
  ['no publishable key', { STRIPE_SECRET_KEY: 'sk_test_real' }, 'none'],
  ['Stripe switched off', { STRIPE_ENABLED: 'false' }, 'none'],
  ['a proxy elsewhere in Stripe’s place', { STRIPE_API_BASE: 'https://proxy.example' }, 'none'],
  ['a sandbox of its own on this machine', { STRIPE_API_BASE: 'http://127.0.0.1:12111' }, 'sandbox'],
])('with %s, whose card form it is: %#', async (_, environment, cards) => {
  const { app } = await service({ ...sandboxed, ...environment })
  expect(await (await app.request('/onboarding/settings.json')).json()).toMatchObject({
    cards,
    can_begin: false,
  })
})

test('pages allow nothing inline and nothing from elsewhere, and are revalidated by ETag', async () => {
  const { app } = await service()
  const page = await app.request('/onboarding')
  const policy = page.headers.get('Content-Security-Policy')
  for (const part of [
    "default-src 'none'",
    "script-src 'self';",
    "style-src 'self';",
    "connect-src 'self';",
    "base-uri 'none'",
    "form-action 'self'",
    'frame-ancestors http://localhost:8080;',
  ])
    expect(`${policy};`).toContain(part)
  expect(policy?.replace('http://localhost:8080', '')).not.toMatch(/unsafe|https?:/)
  const ofConsole = (await app.request('/console')).headers.get('Content-Security-Policy')
  expect(ofConsole).toContain("frame-ancestors 'none'")
  expect(page.headers.get('X-Content-Type-Options')).toBe('nosniff')
  expect(page.headers.get('Referrer-Policy')).toBe('no-referrer')
  const etag = page.headers.get('ETag') ?? ''
  expect((await app.request('/onboarding', { headers: { 'If-None-Match': etag } })).status).toBe(304)
})

test('the bridge hands on what Stripe.js asks, and nothing else', async () => {
  const { app } = await service()
  const ask = (method: string, path: string, headers = ours) =>
    app.request(`/onboarding/sandbox/${path}`, {
      method,
      headers,
      ...(method === 'POST' && { body: 'type=card' }),
    })
  expect((await ask('POST', 'v1/payment_methods')).status).toBe(400)
  expect((await ask('POST', 'v1/payment_methods', { ...ours, Origin: 'https://evil.example' })).status).toBe(
    403,
  )
  for (const path of [
    'v1/customers',
    '_sandbox/requests',
    '_sandbox/faults',
    'v1/setup_intents/seti_1/../../customers',
  ])
    expect((await ask('GET', path)).status, path).toBe(404)
})

test('what is left after a position decides the step, in every tab alike', () => {
  const base = {
    session_id: 's',
    tenant_id: 't',
    status: 'payment_setup' as const,
    next_step: 'select_plan',
    allowed_events: ['setup_payment', 'select_plan', 'cancel'],
    position: 1,
    updated_at: '',
    expires_at: '',
    success_url: null,
    steps_done: [],
    is_waiting_for_stripe: false,
    customer_id: 'cus_1',
    payment: {
      setup_intent_id: 'seti_1',
      return_url: null,
      is_confirmed: false,
      payment_method_id: null,
      decline: null,
    },
    plan: null,
    subscription: null,
  }
  const nothing = { confirmedIntent: null, lookingAt: null }
  expect(screenOf(base, nothing)).toEqual({ screen: 'card', step: 2 })
  expect(screenOf(base, { ...nothing, confirmedIntent: 'seti_1' })).toEqual({ screen: 'plan', step: 3 })
  expect(screenOf(base, { ...nothing, confirmedIntent: 'seti_0' })).toEqual({ screen: 'card', step: 2 })
  const declined = {
    ...base.payment,
    is_confirmed: true,
    decline: { code: 'card_declined', decline_code: null },
  }
  const selected = { ...base, status: 'plan_selected' as const, payment: declined }
  expect(screenOf(selected, nothing)).toEqual({ screen: 'card', step: 2 })
  const asked = { ...declined, decline: { code: 'authentication_required', decline_code: null } }
  expect(screenOf({ ...selected, payment: asked }, nothing)).toEqual({ screen: 'subscribe', step: 4 })
  // Whoever goes back sees an earlier page, and never one that the session has not come to.
  const back = { ...nothing, lookingAt: 'details' as const }
  expect(screenOf({ ...selected, payment: asked }, back)).toEqual({ screen: 'details', step: 1 })
  expect(screenOf(base, { ...nothing, lookingAt: 'plan' })).toEqual({ screen: 'card', step: 2 })
})
