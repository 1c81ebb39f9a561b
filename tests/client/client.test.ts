import { afterAll, beforeAll, expect, test } from 'vitest'
import { createClient, StepledgerError } from '../../src/client/client.ts'
import { type Service, startService } from '../support/service.ts'
import { applicant, returnUrl } from '../support/wizard.ts'

let service: Service
let baseUrl: string
beforeAll(async () => {
  service = await startService({ webhooks: true })
  baseUrl = service.url ?? ''
})
afterAll(() => service.close())

const platform = (request: typeof fetch = fetch) =>
  createClient({ baseUrl, key: service.keys.platform, fetch: request })

/** The real fetch, whose first answers are these instead; and the keys of all requests. */
function stumbling(...first: (Response | Error)[]) {
  const keys: (string | null)[] = []
  const request: typeof fetch = async (input, init) => {
    keys.push(new Headers(init?.headers).get('Idempotency-Key'))
    const answer = first.shift()
    if (answer instanceof Error) throw answer
    return answer ?? fetch(input, init)
  }
  return { request, keys }
}

const refusal = (status: number, code: string, headers: Record<string, string> = {}) =>
  Response.json(
    { success: false, error: { code, message: '', details: {}, request_id: 'r1' } },
    { status, headers },
  )

test('a session goes from start to completed, and is watched from elsewhere until it is over', async () => {
  const { session_id, session_token } = await platform().start(applicant)
  const wizard = createClient({ baseUrl, key: session_token })
  const watched: string[] = []
  const watching = (async () => {
    for await (const { type, position } of createClient({ baseUrl, key: session_token }).watch(session_id))
      watched.push(`${type.slice('onboarding.'.length)} ${position.status}`)
  })()

  await wizard.createCustomer(session_id)
  const setup = await wizard.setupPayment(session_id, returnUrl)
  await service.stripe.setupIntents.confirm(setup.setup_intent_id, {
    payment_method: 'pm_card_visa',
    return_url: returnUrl,
  })
  const [basic] = await wizard.plans()
  const price = basic?.prices[0]
  const choice = { plan_id: basic?.plan_id ?? '', price_id: price?.price_id ?? '', discount_code: 'LAUNCH50' }
  const preview = await wizard.previewPlan(session_id, choice)
  expect(await wizard.session(session_id)).toMatchObject({ status: 'payment_setup', plan: null })
  expect(await wizard.selectPlan(session_id, choice)).toMatchObject({
    amount_cents: price?.amount_cents,
    discount_cents: preview.discount_cents,
    amount_after_discount_cents: preview.amount_after_discount_cents,
  })
  await wizard.createSubscription(session_id)
  const { tenant_id } = await wizard.complete(session_id)
  await watching
  expect(watched.at(0)).toBe('started started')
  expect(watched.at(-1)).toBe('completed completed')

  await platform().recordUsage({ tenant_id, usage_type: 'case', quantity: 2 })
  await platform().recordUsageBatch([{ tenant_id, usage_type: 'case', quantity: 1 }])
  const { usage } = await platform().usageSummary(tenant_id)
  expect(usage.find(({ usage_type }) => usage_type === 'case')).toMatchObject({ quantity: 3 })
  expect(await platform().billingStatus(tenant_id)).toMatchObject({ has_active_subscription: true })
})

test('no answer, 503, 429 and a passing 409 are tried again under one key', async () => {
  const { request, keys } = stumbling(
    new TypeError('fetch failed'),
    refusal(503, 'database_busy', { 'Retry-After': '0' }),
    refusal(429, 'rate_limited', { 'Retry-After': '0' }),
    refusal(409, 'conflict', { 'Retry-After': '0' }),
  )
  const { status } = await platform(request).start(applicant)
  expect(status).toBe('started')
  expect(keys).toHaveLength(5)
  expect(new Set(keys).size).toBe(1)
})

test.each([
  ['a refusal that stands', refusal(409, 'step_not_allowed'), 'step_not_allowed'],
  [
    'a wait that is too long for anyone',
    refusal(503, 'stripe_disabled', { 'Retry-After': '3600' }),
    'stripe_disabled',
  ],
  ['another server’s page', new Response('<h1>Bad gateway</h1>', { status: 502 }), 'not_stepledger'],
])('%s is not tried again', async (_, answer, code) => {
  const { request, keys } = stumbling(answer)
  const error = await platform(request)
    .start(applicant)
    .catch((thrown) => thrown)
  expect(error).toBeInstanceOf(StepledgerError)
  expect(error.code).toBe(code)
  expect(keys).toHaveLength(1)
})

test('an error says which field, and which request', async () => {
  const error: StepledgerError = await platform()
    .start({ ...applicant, email: 'nobody' })
    .catch((thrown) => thrown)
  expect(error).toMatchObject({ code: 'invalid_request', status: 422 })
  expect(error.fields).toEqual([{ path: 'email', message: 'must be an e-mail address' }])
  expect(error.requestId).toMatch(/\S/)
})

test('a watched stream that breaks is taken up after the last change that arrived', async () => {
  const { session_id } = await platform().start(applicant)
  await platform().createCustomer(session_id)
  const asked: (string | null)[] = []
  const breaking: typeof fetch = async (input, init) => {
    asked.push(new Headers(init?.headers).get('Last-Event-ID'))
    const response = await fetch(input, init)
    if (asked.length > 1 || response.body === null) return response
    // The first change whole, the second cut in its middle.
    const reader = response.body.getReader()
    const { value } = await reader.read()
    void reader.cancel()
    const text = new TextDecoder().decode(value)
    return new Response(`${text.slice(0, text.indexOf('\n\n') + 2)}id: 999999\nevent: on`)
  }
  const types: string[] = []
  const ids: string[] = []
  for await (const { id, type } of platform(breaking).watch(session_id, { after: '0' })) {
    ids.push(id)
    types.push(type)
    if (types.length === 3) break
  }
  expect(types).toEqual([
    'onboarding.started',
    'onboarding.customer_requested',
    'onboarding.customer_created',
  ])
  expect(asked).toEqual(['0', ids[0]])
})

test('a watch ends with its signal', async () => {
  const { session_id } = await platform().start(applicant)
  const stop = new AbortController()
  const seen: string[] = []
  const watching = (async () => {
    for await (const { type } of platform().watch(session_id, { signal: stop.signal })) {
      seen.push(type)
      stop.abort(new Error('enough'))
    }
  })()
  await expect(watching).rejects.toThrow('enough')
  expect(seen).toEqual(['onboarding.started'])
})
