import Stripe from 'stripe'
import { expect, type TestContext, test, vi } from 'vitest'
import { createApp } from '../../src/http/app.ts'
import { ingest } from '../../src/inbox/ingest.ts'
import { requestHandlers } from '../../src/outbox/stripe-request.ts'
import { stripeGateway } from '../../src/stripe/gateway.ts'
import type { FaultKind } from '../../src/stripe-sandbox/front/faults.ts'
import { startHoldingProxy } from '../support/holding-proxy.ts'
import { adminKey, requestsBy } from '../support/requests.ts'
import { runnerOf } from '../support/runner.ts'
import { type Service, type ServiceOptions, startService } from '../support/service.ts'
import {
  authenticate,
  basicMonthly,
  carryOutDue,
  factsOf,
  requestsTo,
  returnUrl,
  settled,
  type Wizard,
  wizard,
} from '../support/wizard.ts'

/** What goes wrong between the service and Stripe; each call of onboarding must come out of it with one effect. */

const hourMs = 3_600_000
const secretKey = 'sk_test_nobody_may_read_this'

/** Tests run side by side, because most of their time is waiting for a retry: each has a service of its own. */
async function start({ onTestFinished: finally_ }: TestContext, options: ServiceOptions = {}) {
  const clock = { nowMs: Date.parse('2026-11-02T09:00:00.000Z') }
  const service = await startService({
    clock,
    catalogue: false,
    ...options,
    environment: { STRIPE_SECRET_KEY: secretKey, ...options.environment },
  })
  finally_(() => service.close())
  const tenant = wizard(service)
  return {
    clock,
    service,
    tenant,
    fault: (call: Call, kind: FaultKind, count: number, delayMs?: number) =>
      service.sandbox.faults.add({
        method: 'POST',
        path: call.path,
        kind,
        count,
        ...(delayMs && { delayMs }),
      }),
    /** The session's facts about the call. */
    factsAbout: async (call: Call) =>
      (await factsOf(service, tenant.of.sessionId)).filter((type) =>
        type.startsWith(call.facts[0].slice(0, -'requested'.length)),
      ),
    made: async (call: Call) => (await call.made(service)).data.length,
    keysOf: async (call: Call) => [
      ...new Set((await requestsTo(service, 'POST', call.path)).map((request) => request.idempotency_key)),
    ],
  }
}
type Scene = Awaited<ReturnType<typeof start>>

/** As `start`, with a proxy between the service and the sandbox. */
async function startBehindProxy(context: TestContext, options: ServiceOptions = {}) {
  const proxy = await startHoldingProxy(() => scene.service.sandbox.url)
  const environment = { STRIPE_API_BASE: proxy.url, ...options.environment }
  const scene: Scene = await start(context, { ...options, environment })
  context.onTestFinished(() => proxy.close())
  return { ...scene, proxy }
}

const calls = [
  {
    name: 'create-customer',
    before: 'start',
    run: (tenant: Wizard) => tenant.createCustomer(),
    path: '/v1/customers',
    made: ({ stripe }: Service) => stripe.customers.list(),
    facts: ['customer_requested', 'customer_created'],
  },
  {
    name: 'setup-payment',
    before: 'createCustomer',
    run: (tenant: Wizard) => tenant.setupPayment(),
    path: '/v1/setup_intents',
    made: ({ stripe }: Service) => stripe.setupIntents.list(),
    facts: ['payment_setup_requested', 'payment_setup_created'],
  },
  {
    name: 'create-subscription',
    before: 'selectPlan',
    run: (tenant: Wizard) => tenant.createSubscription(),
    path: '/v1/subscriptions',
    made: ({ stripe }: Service) => stripe.subscriptions.list({ status: 'all' }),
    facts: ['subscription_requested', 'subscription_created'],
  },
] as const
type Call = (typeof calls)[number]

const unavailable = { status: 503, body: { error: { code: 'stripe_unavailable' } } }

/** The step is answered with 503, stays pending, and the same request again does it: one effect, no `_failed`. */
async function expectUnknownThenDone(scene: Scene, call: Call): Promise<void> {
  const { tenant, service, factsAbout, made } = scene
  const reply = await call.run(tenant)
  expect(reply).toMatchObject(unavailable)
  expect(Number(reply.headers.get('Retry-After'))).toBeGreaterThan(0)
  expect(await factsAbout(call)).toEqual([call.facts[0]])
  expect((await tenant.show()).body.data.is_waiting_for_stripe).toBe(true)
  service.sandbox.faults.clear()
  expect(await call.run(tenant)).toMatchObject({ status: 200 })
  expect(await factsAbout(call)).toEqual(call.facts)
  expect(await made(call)).toBe(1)
}

const cases = calls.flatMap(
  (call) =>
    [
      { call, title: `${call.name}: a rate limit is waited out`, kind: '429', count: 2, outcome: 'done' },
      {
        call,
        title: `${call.name}: a long rate limit is 503, and pending`,
        kind: '429',
        count: 9,
        outcome: 'unknown',
      },
      {
        call,
        title: `${call.name}: 500 before the effect`,
        kind: '500_before',
        count: 2,
        outcome: 'unknown',
      },
      {
        call,
        title: `${call.name}: 500 after the effect is adopted`,
        kind: '500_after',
        count: 1,
        outcome: 'unknown',
      },
      { call, title: `${call.name}: a proxy's HTML is unknown`, kind: 'html', count: 2, outcome: 'unknown' },
      {
        call,
        title: `${call.name}: a reset is tried again`,
        kind: 'reset_before',
        count: 1,
        outcome: 'done',
      },
      {
        call,
        title: `${call.name}: a reset after the effect is tried again`,
        kind: 'reset_after',
        count: 1,
        outcome: 'done',
      },
      {
        call,
        title: `${call.name}: resets without end are unknown`,
        kind: 'reset_after',
        count: 9,
        outcome: 'unknown',
      },
    ] as const,
)

test.concurrent.for(cases)('$title', async ({ call, kind, count, outcome }, context) => {
  const scene = await start(context)
  const { tenant, fault, factsAbout, made, keysOf } = scene
  await tenant.to(call.before)
  fault(call, kind, count)
  if (outcome === 'unknown') await expectUnknownThenDone(scene, call)
  else {
    expect(await call.run(tenant)).toMatchObject({ status: 200 })
    expect(await factsAbout(call)).toEqual(call.facts)
    expect(await made(call)).toBe(1)
  }
  expect(await keysOf(call)).toEqual([expect.stringContaining(tenant.of.sessionId)])
})

test.concurrent.for(calls)(
  '$name: no answer in time is unknown, and the worker goes on where the client gave up',
  async (call, context) => {
    const { tenant, service, clock, fault, factsAbout, made } = await start(context)
    await tenant.to(call.before)
    const { hostname: host, port } = new URL(service.sandbox.url)
    const impatient = stripeGateway(
      new Stripe(secretKey, { host, port, protocol: 'http', timeout: 100, maxNetworkRetries: 1 }),
    )
    const hasty = { ...service.context, stripe: impatient }
    Object.assign(hasty, runnerOf(hasty, requestHandlers(hasty)))
    const app = createApp(hasty)
    const impatiently = wizard({
      ...service,
      request: requestsBy((path, init) => app.request(`/api/v1${path}`, init)),
    })
    Object.assign(impatiently.of, tenant.of)
    fault(call, 'timeout', 2)
    expect(await call.run(impatiently)).toMatchObject(unavailable)
    expect(await factsAbout(call)).toEqual([call.facts[0]])
    clock.nowMs += 60_000
    await carryOutDue(service)
    expect(await factsAbout(call)).toEqual(call.facts)
    expect(await made(call)).toBe(1)
  },
)

test.concurrent.for(calls)(
  '$name: an effect of an outcome unknown is adopted after Stripe has forgotten the key',
  async (call, context) => {
    const { tenant, clock, fault, factsAbout, made } = await start(context, {
      environment: { ONBOARDING_SESSION_TTL_HOURS: '100' },
    })
    await tenant.to(call.before)
    fault(call, 'reset_after', 2)
    expect(await call.run(tenant)).toMatchObject(unavailable)
    clock.nowMs += 25 * hourMs
    expect(await call.run(tenant)).toMatchObject({ status: 200 })
    expect(await made(call)).toBe(1)
    expect(await factsAbout(call)).toEqual(call.facts)
  },
)

test.concurrent.for(calls)(
  '$name: a key that answers a stored 500 for nothing is left for the next one',
  async (call, context) => {
    const { tenant, proxy, made, keysOf } = await startBehindProxy(context)
    await tenant.to(call.before)
    const stored = { error: { type: 'api_error', message: 'An unknown error occurred' } }
    const replay = { 'Idempotent-Replayed': 'true', 'Stripe-Should-Retry': 'false' }
    for (let times = 0; times < 2; times += 1) {
      proxy.answer('POST', call.path, 500, stored, replay)
      expect(await call.run(tenant)).toMatchObject(unavailable)
    }
    expect(await call.run(tenant)).toMatchObject({ status: 200 })
    expect(await made(call)).toBe(1)
    expect(await keysOf(call)).toEqual([expect.stringMatching(/:1:1$/)])
  },
)

test.concurrent.for(calls)(
  "$name: JSON that is not Stripe's is unknown, whatever its status",
  async (call, context) => {
    const { tenant, proxy, factsAbout, made } = await startBehindProxy(context)
    await tenant.to(call.before)
    for (const status of [200, 404]) {
      proxy.answer('POST', call.path, status, { message: 'no healthy upstream' })
      expect(await call.run(tenant)).toMatchObject(unavailable)
    }
    expect(await factsAbout(call)).toEqual([call.facts[0]])
    expect(await call.run(tenant)).toMatchObject({ status: 200 })
    expect(await made(call)).toBe(1)
  },
)

test.concurrent.for(calls)('$name: two at once are one effect', async (call, context) => {
  const { tenant, service, factsAbout } = await start(context)
  await tenant.to(call.before)
  const replies = await Promise.all([call.run(tenant), call.run(tenant), call.run(tenant)])
  expect(replies.map(({ status }) => status)).toEqual([200, 200, 200])
  for (const { body } of replies) expect(body).toEqual(replies[0]?.body)
  expect(await requestsTo(service, 'POST', call.path)).toHaveLength(1)
  expect(await factsAbout(call)).toEqual(call.facts)
})

const patiently = { timeout: 5_000, interval: 10 }

test.concurrent.for(calls)(
  '$name: a client that goes away leaves a step that is done',
  async (call, context) => {
    const { tenant, service, fault, factsAbout } = await start(context, { webhooks: true })
    await tenant.to(call.before)
    fault(call, 'delay', 1, 500)
    const path = `${service.url}/api/v1/onboarding/step/${call.name}`
    const body = {
      session_id: tenant.of.sessionId,
      ...(call.name === 'setup-payment' && { return_url: returnUrl }),
    }
    const leaving = new AbortController()
    const gone = expect(
      fetch(path, {
        method: 'POST',
        headers: { 'X-API-Key': adminKey },
        body: JSON.stringify(body),
        signal: leaving.signal,
      }),
    ).rejects.toThrow()
    await vi.waitFor(async () => expect(await factsAbout(call)).toEqual(call.facts.slice(0, 1)), patiently)
    leaving.abort()
    await gone
    await vi.waitFor(async () => expect(await factsAbout(call)).toEqual(call.facts), patiently)
    expect(await call.run(tenant)).toMatchObject({ status: 200 })
    expect(await requestsTo(service, 'POST', call.path)).toHaveLength(1)
  },
)

test.concurrent.for(calls)(
  '$name: Stripe refuses our key: 502, not ready, nothing lost, and the key is in no log line',
  async (call, context) => {
    const { tenant, service, factsAbout } = await start(context)
    await tenant.to(call.before)
    service.sandbox.faults.add({ path: '/v1/*', kind: '401', count: 2 })
    expect(await call.run(tenant)).toMatchObject({
      status: 502,
      body: { error: { code: 'stripe_rejected_key' } },
    })
    const ready = await service.app.request('/health/ready')
    expect(ready.status).toBe(503)
    expect(await ready.json()).toMatchObject({ checks: { stripe: { ok: false } } })
    expect(await factsAbout(call)).toEqual([call.facts[0]])
    service.sandbox.faults.clear()
    await vi.waitFor(async () => expect((await service.app.request('/health/ready')).status).toBe(200), {
      timeout: 3000,
      interval: 200,
    })
    expect(await call.run(tenant)).toMatchObject({ status: 200 })
    expect(service.logLines.join()).toContain('stripe_rejected_key')
    expect(service.logLines.join()).not.toContain(secretKey)
  },
)

test.concurrent.for(calls)(
  '$name: a key in use elsewhere is 409 with Retry-After, and pending',
  async (call, context) => {
    const { tenant, proxy, factsAbout } = await startBehindProxy(context)
    await tenant.to(call.before)
    const inUse = {
      error: { type: 'invalid_request_error', code: 'idempotency_key_in_use', message: 'in use' },
    }
    proxy.answer('POST', call.path, 409, inUse, { 'Stripe-Should-Retry': 'false' })
    const reply = await call.run(tenant)
    expect(reply).toMatchObject({ status: 409, body: { error: { code: 'conflict' } } })
    expect(reply.headers.get('Retry-After')).toBe('1')
    expect(await factsAbout(call)).toEqual([call.facts[0]])
    expect(await call.run(tenant)).toMatchObject({ status: 200 })
  },
)

test.concurrent.for(calls)(
  '$name: a key that was used with other parameters is 500 with an alarm, and changes nothing',
  async (call, context) => {
    const { tenant, service, factsAbout, made } = await start(context)
    await tenant.to(call.before)
    const key = `stepledger:${tenant.of.sessionId}:${call.name.replace('-', '_')}:1`
    await service.stripe.coupons.create({ percent_off: 1, duration: 'once' }, { idempotencyKey: key })
    const before = await factsAbout(call)
    expect(await call.run(tenant)).toMatchObject({ status: 500, body: { error: { code: 'internal_error' } } })
    expect(await factsAbout(call)).toEqual([...before, call.facts[0]])
    expect(await made(call)).toBe(0)
    expect(
      service.logLines.some((line) =>
        /"level":"error".*key_mismatch|"level":"error".*idempotency/i.test(line),
      ),
    ).toBe(true)
  },
)

test.concurrent.for(calls)(
  '$name: what cannot be written after Stripe has done it is done by the next request',
  async (call, context) => {
    const { tenant, service, factsAbout, made } = await start(context)
    await tenant.to(call.before)
    const { db } = service.context
    const transact = db.transact.bind(db)
    let writes = 0
    Object.assign(db, {
      transact: (work: Parameters<typeof transact>[0]) => {
        writes += 1
        // The second is the one that records the answer.
        if (writes === 2) return Promise.reject(new Error('disk full'))
        return transact(work)
      },
    })
    expect(await call.run(tenant)).toMatchObject({ status: 500 })
    Object.assign(db, { transact })
    expect(await call.run(tenant)).toMatchObject({ status: 200 })
    expect(await factsAbout(call)).toEqual(call.facts)
    expect(await made(call)).toBe(1)
  },
)

test.concurrent('a declined card can be followed by a good one: at the browser', async (context) => {
  const { tenant, service } = await start(context, { webhooks: true })
  await tenant.to('setupPayment')
  await expect(tenant.confirmCard('pm_card_chargeDeclined')).rejects.toMatchObject({ code: 'card_declined' })
  await settled(service)
  expect((await tenant.show()).body.data.payment).toMatchObject({
    is_confirmed: false,
    decline: { code: 'card_declined', decline_code: 'generic_decline' },
  })
  expect(await tenant.selectPlan()).toMatchObject({
    status: 409,
    body: { error: { code: 'payment_method_required', details: { decline: { code: 'card_declined' } } } },
  })
  const intent = tenant.of.setupIntentId
  expect(await tenant.setupPayment()).toMatchObject({ body: { data: { setup_intent_id: intent } } })
  await tenant.confirmCard()
  expect(await tenant.selectPlan()).toMatchObject({ status: 200 })
  expect((await tenant.show()).body.data.payment).toMatchObject({ is_confirmed: true, decline: null })
})

test.concurrent('a declined card can be followed by a good one: at the first payment', async (context) => {
  const { tenant, service } = await start(context, {
    webhooks: true,
    environment: { BILLING_TRIAL_PERIOD_DAYS: '0' },
  })
  await tenant.to('setupPayment')
  await tenant.confirmCard('pm_card_chargeCustomerFail')
  await tenant.selectPlan()
  const declined = await tenant.createSubscription()
  expect(declined).toMatchObject({
    status: 402,
    body: {
      error: {
        code: 'card_declined',
        details: { stripe_code: 'card_declined', decline_code: 'generic_decline' },
      },
    },
  })
  expect((await service.stripe.subscriptions.list({ status: 'all' })).data).toEqual([])
  expect((await tenant.show()).body.data).toMatchObject({
    status: 'plan_selected',
    payment: { decline: { code: 'card_declined' } },
  })
  const first = tenant.of.setupIntentId
  await tenant.setupPayment()
  expect(tenant.of.setupIntentId).not.toBe(first)
  await tenant.confirmCard('pm_card_mastercard')
  expect(await tenant.createSubscription()).toMatchObject({
    status: 200,
    body: { data: { subscription_status: 'active', trial_ends_at: null } },
  })
  const keys = (await requestsTo(service, 'POST', '/v1/subscriptions')).map(
    (request) => request.idempotency_key,
  )
  expect(keys).toEqual([expect.stringMatching(/:1$/), expect.stringMatching(/:2$/)])
  expect(await tenant.complete()).toMatchObject({ status: 200 })
})

test.concurrent('the bank is waited for by webhook; after 23 hours the subscription has expired, and complete answers 409', async (context) => {
  const {
    tenant: waits,
    service,
    clock,
  } = await start(context, { webhooks: true, environment: { BILLING_TRIAL_PERIOD_DAYS: '0' } })
  const subscribe = async (tenant: Wizard) => {
    await tenant.to('setupPayment')
    await tenant.confirmCard('pm_card_authenticationRequired')
    await authenticate(service, tenant.of.setupIntentId)
    await tenant.selectPlan()
    expect(await tenant.createSubscription()).toMatchObject({
      status: 200,
      body: { data: { requires_action: true, subscription_status: 'incomplete' } },
    })
    expect(await factsOf(service, tenant.of.sessionId)).toContain('subscription_failed')
  }
  await subscribe(waits)
  const comes = wizard(service)
  await subscribe(comes)
  await authenticate(service, comes.of.subscriptionId)
  await settled(service)
  expect(await factsOf(service, comes.of.sessionId)).toContain('subscription_activated')
  expect((await comes.show()).body.data.subscription).toMatchObject({
    subscription_status: 'active',
    requires_action: false,
  })
  expect(await comes.complete()).toMatchObject({ status: 200 })

  clock.nowMs += 23 * hourMs
  await settled(service)
  expect(await service.stripe.subscriptions.retrieve(waits.of.subscriptionId)).toMatchObject({
    status: 'incomplete_expired',
  })
  expect(await waits.complete()).toMatchObject({
    status: 409,
    body: { error: { code: 'step_not_allowed', message: expect.stringContaining('start a new session') } },
  })
  expect(await waits.cancel()).toMatchObject({ status: 200 })
})

test.concurrent('an `incomplete` that a webhook tells before the answer sends nobody who has paid to the bank', async (context) => {
  const { tenant, service, proxy } = await startBehindProxy(context, {
    environment: { BILLING_TRIAL_PERIOD_DAYS: '0' },
  })
  await tenant.to('selectPlan')
  proxy.delay('POST', '/v1/subscriptions', async () => {
    const { data } = await service.stripe.events.list({ type: 'customer.subscription.created' })
    expect(data[0]?.data.object).toMatchObject({ status: 'incomplete' })
    await ingest(service.context, data[0] as Stripe.Event)
  })
  const reply = await tenant.createSubscription()
  expect(reply).toMatchObject({ status: 200, body: { data: { subscription_status: 'active' } } })
  expect(reply.body.data).not.toHaveProperty('client_secret')
  expect(await tenant.complete()).toMatchObject({ status: 200 })
})

test.concurrent("a coupon's last redemption, raced: one gets it, the other gets 409, also at Stripe", async (context) => {
  const { tenant: first, service } = await start(context)
  const coupon = await service.stripe.coupons.create({
    percent_off: 50,
    duration: 'once',
    max_redemptions: 1,
  })
  const choice = { ...basicMonthly, discount_code: coupon.id }
  const second = wizard(service)
  await first.to('confirmCard')
  await second.to('confirmCard')
  const replies = await Promise.all([first.selectPlan(choice), second.selectPlan(choice)])
  expect(replies.map(({ status }) => status).sort()).toEqual([200, 409])
  expect(replies.find(({ status }) => status === 409)?.body.error.code).toBe('conflict')
  const [winner, loser] = replies[0]?.status === 200 ? [first, second] : [second, first]
  expect(await winner.createSubscription()).toMatchObject({ status: 200 })
  expect(await loser.selectPlan(choice)).toMatchObject({ status: 409, body: { error: { code: 'conflict' } } })
  expect(await loser.selectPlan(basicMonthly)).toMatchObject({ status: 200 })

  // The last one goes to somebody at Stripe, behind the back of the session that holds it here.
  const other = await service.stripe.coupons.create({ percent_off: 50, duration: 'once', max_redemptions: 1 })
  expect(await loser.selectPlan({ ...basicMonthly, discount_code: other.id })).toMatchObject({ status: 200 })
  await service.stripe.subscriptions.create({
    customer: winner.of.customerId,
    items: [{ price: 'price_basic_monthly' }],
    discounts: [{ coupon: other.id }],
    trial_period_days: 1,
  })
  expect(await loser.createSubscription()).toMatchObject({
    status: 409,
    body: { error: { code: 'conflict' } },
  })
  expect((await loser.show()).body.data.payment).toMatchObject({ is_confirmed: true, decline: null })
  const intent = loser.of.setupIntentId
  await loser.setupPayment()
  expect(loser.of.setupIntentId).toBe(intent)
  expect(await loser.selectPlan(basicMonthly)).toMatchObject({ status: 200 })
  expect(await loser.createSubscription()).toMatchObject({ status: 200 })
  for (const { id } of [coupon, other])
    expect((await service.stripe.coupons.retrieve(id)).times_redeemed).toBe(1)
})

test.concurrent('a customer who is deleted at Stripe ends the session, heard of or not', async (context) => {
  const { tenant: heard, service: hearing } = await start(context, { webhooks: true })
  await heard.to('confirmCard')
  await hearing.stripe.customers.del(heard.of.customerId)
  await settled(hearing)
  expect((await heard.show()).body.data).toMatchObject({ status: 'cancelled', allowed_events: [] })
  expect(await factsOf(hearing, heard.of.sessionId)).toContain('cancelled')

  const { tenant: unheard, service } = await start(context)
  await unheard.to('selectPlan')
  await service.stripe.customers.del(unheard.of.customerId)
  expect(await unheard.createSubscription()).toMatchObject({ status: 422 })
  expect((await unheard.show()).body.data.status).toBe('plan_selected')
  expect(await unheard.cancel()).toMatchObject({ status: 200 })
})

test.concurrent('a subscription that ends before onboarding does leaves nothing to complete', async (context) => {
  const { tenant, service } = await start(context, { webhooks: true })
  await tenant.to('createSubscription')
  await service.stripe.subscriptions.cancel(tenant.of.subscriptionId)
  await settled(service)
  expect(await tenant.complete()).toMatchObject({
    status: 409,
    body: { error: { code: 'step_not_allowed' } },
  })
})

test.concurrent('an effect whose outcome is recorded by a webhook is not run again', async (context) => {
  const { tenant, service, clock, fault } = await start(context, { webhooks: true })
  await tenant.to('start')
  fault(calls[0], '500_after', 1)
  expect(await tenant.createCustomer()).toMatchObject(unavailable)
  await settled(service)
  expect((await tenant.show()).body.data.status).toBe('customer_created')
  const asked = (await requestsTo(service, 'POST', '/v1/customers')).length
  clock.nowMs += hourMs
  await carryOutDue(service)
  expect(await tenant.createCustomer()).toMatchObject({ status: 200 })
  expect(await requestsTo(service, 'POST', '/v1/customers')).toHaveLength(asked)
})

test.concurrent('secrets and personal data stand in no table but where the log keeps personal data, and in no log line', async (context) => {
  const { tenant, service, proxy, fault } = await startBehindProxy(context, {
    webhooks: true,
    environment: { BILLING_TRIAL_PERIOD_DAYS: '0' },
  })
  const planted = {
    email: 'planted-mail@example.com',
    name: 'Planted Name',
    company_name: 'Planted Company',
    phone: '+1 555 867 5309',
  }
  await tenant.start(planted)
  const quoting = {
    error: {
      type: 'invalid_request_error',
      code: 'email_invalid',
      message: `Invalid email address: ${planted.email}`,
    },
  }
  proxy.answer('POST', '/v1/customers', 400, quoting)
  const refused = await tenant.createCustomer()
  expect(refused.status).toBe(422)
  fault(calls[0], '500_after', 1)
  expect(await tenant.createCustomer()).toMatchObject(unavailable)
  await tenant.createCustomer()
  const setup = await tenant.setupPayment()
  await tenant.confirmCard('pm_card_authenticationRequired')
  await settled(service)
  await authenticate(service, tenant.of.setupIntentId)
  await tenant.selectPlan()
  const waiting = await tenant.createSubscription()
  await settled(service)
  expect(waiting.body.data.client_secret).toMatch(/_secret_/)

  const secrets = [
    setup.body.data.client_secret,
    waiting.body.data.client_secret,
    tenant.of.token,
    secretKey,
    adminKey,
  ]
  const { reader } = service.context.db
  const everything: string[] = []
  const inTheClear: string[] = []
  for (const table of [
    'billing_events',
    'effects',
    'onboarding_sessions',
    'api_keys',
    'idempotency_keys',
    'stripe_events',
  ] as const) {
    for (const row of await reader
      .selectFrom(table as 'billing_events')
      .selectAll()
      .execute()) {
      everything.push(JSON.stringify(row))
      const data = row.data === undefined ? {} : JSON.parse(row.data)
      inTheClear.push(JSON.stringify({ ...row, data: { ...data, personal: undefined } }))
    }
  }
  expect(everything.length).toBeGreaterThan(30)
  for (const text of [...everything, ...service.logLines]) {
    expect(text).not.toMatch(/_secret_\w/)
    for (const secret of secrets) expect(text).not.toContain(secret)
  }
  for (const text of [...inTheClear, ...service.logLines, JSON.stringify(refused.body)])
    for (const value of Object.values(planted)) expect(text).not.toContain(value)
})

test.concurrent('a worker takes up what a client has left', async (context) => {
  const { tenant, service, clock, fault } = await start(context)
  await tenant.to('start')
  fault(calls[0], '500_before', 2)
  expect(await tenant.createCustomer()).toMatchObject(unavailable)
  await service.context.effects.start()
  clock.nowMs += 60_000
  await vi.waitFor(
    async () => expect(await factsOf(service, tenant.of.sessionId)).toContain('customer_created'),
    { timeout: 4000 },
  )
})
