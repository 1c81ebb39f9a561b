import { afterAll, beforeAll, expect, test } from 'vitest'
import { type HoldingProxy, startHoldingProxy } from '../support/holding-proxy.ts'
import { eventually, type Service, startService } from '../support/service.ts'
import { applicant, factsOf, requestsTo, returnUrl, wizard } from '../support/wizard.ts'

let service: Service
let proxy: HoldingProxy
beforeAll(async () => {
  proxy = await startHoldingProxy(() => service.sandbox.url)
  service = await startService({
    webhooks: true,
    catalogue: false,
    environment: { STRIPE_API_BASE: proxy.url },
  })
})
afterAll(async () => {
  await service.close()
  await proxy.close()
})

const correct = (session_id: string, correction: object) =>
  service.request('POST', '/onboarding/applicant', { session_id, ...correction })
const given = async (tenant: ReturnType<typeof wizard>) => (await tenant.show()).body.data.applicant

test('details corrected before there is a customer are those that the customer gets', async () => {
  const tenant = wizard(service)
  await tenant.to('start')
  expect(await given(tenant)).toEqual(applicant)
  const corrected = await correct(tenant.of.sessionId, { company_name: 'Difference Engines', phone: null })
  expect(corrected).toMatchObject({ status: 200, body: { data: { status: 'started' } } })
  expect(corrected.body.data).not.toHaveProperty('applicant')
  expect(await given(tenant)).toEqual({ ...applicant, company_name: 'Difference Engines', phone: null })

  await tenant.createCustomer()
  expect(await service.stripe.customers.retrieve(tenant.of.customerId)).toMatchObject({
    email: applicant.email,
    phone: null,
    metadata: { company_name: 'Difference Engines' },
  })
})

test('details corrected later are corrected at Stripe too, once, and the key of the customer stays', async () => {
  const tenant = wizard(service)
  await tenant.to('selectPlan')
  const before = await service.stripe.customers.retrieve(tenant.of.customerId)
  const correction = { email: 'countess@example.com', name: 'Countess of Lovelace' }
  for (let time = 0; time < 2; time += 1)
    expect(await correct(tenant.of.sessionId, correction)).toMatchObject({ status: 200 })
  expect(await given(tenant)).toEqual({ ...applicant, ...correction })
  expect(await service.stripe.customers.retrieve(tenant.of.customerId)).toMatchObject({
    ...correction,
    phone: applicant.phone,
    metadata: 'metadata' in before ? before.metadata : {},
  })
  expect(await requestsTo(service, 'POST', `/v1/customers/${tenant.of.customerId}`)).toHaveLength(1)
  const row = await service.request('GET', `/billing/customers/tenant/${tenant.of.tenantId}`)
  expect(row.body.data).toMatchObject(correction)
  expect(
    (await factsOf(service, tenant.of.sessionId)).filter((type) => type === 'applicant_corrected'),
  ).toEqual(['applicant_corrected'])
  expect(await tenant.createSubscription()).toMatchObject({ status: 200 })
})

test('details that Stripe does not take are refused at their field, and those before hold', async () => {
  const tenant = wizard(service)
  await tenant.to('createCustomer')
  proxy.answer('POST', `/v1/customers/${tenant.of.customerId}`, 400, {
    error: { type: 'invalid_request_error', code: 'email_invalid', param: 'email', message: 'Invalid email' },
  })
  expect(await correct(tenant.of.sessionId, { email: 'ada@nowhere.example' })).toMatchObject({
    status: 422,
    body: { error: { details: { fields: [{ path: 'email' }] } } },
  })
  expect(await given(tenant)).toEqual(applicant)
  expect(await correct(tenant.of.sessionId, { email: 'ada@somewhere.example' })).toMatchObject({
    status: 200,
  })
  expect(await given(tenant)).toMatchObject({ email: 'ada@somewhere.example' })
})

test('a correction while Stripe is away is kept, and the same request again goes on under its key', async () => {
  const tenant = wizard(service)
  await tenant.to('selectPlan')
  const path = `/v1/customers/${tenant.of.customerId}`
  service.sandbox.faults.add({ method: 'POST', path, kind: 'html', count: 2 })
  const correction = { name: 'Ada King' }
  expect(await correct(tenant.of.sessionId, correction)).toMatchObject({ status: 503 })
  expect(await given(tenant)).toMatchObject(correction)
  expect(await tenant.createSubscription()).toMatchObject({
    status: 409,
    body: { error: { code: 'conflict' } },
  })

  expect((await eventually(() => correct(tenant.of.sessionId, correction))).status).toBe(200)
  expect(await service.stripe.customers.retrieve(tenant.of.customerId)).toMatchObject(correction)
  const keys = (await requestsTo(service, 'POST', path)).map((request) => request.idempotency_key)
  expect(new Set(keys).size).toBe(1)
  expect(await tenant.createSubscription()).toMatchObject({ status: 200 })
})

test('another card than the confirmed one gets a SetupIntent of its own, one however often it is asked for', async () => {
  const tenant = wizard(service)
  await tenant.to('selectPlan')
  const another = () =>
    service.request('POST', '/onboarding/step/setup-payment', {
      session_id: tenant.of.sessionId,
      return_url: returnUrl,
      another_card: true,
    })
  const first = tenant.of.setupIntentId
  const second = (await another()).body.data.setup_intent_id
  expect(second).not.toBe(first)
  expect((await another()).body.data.setup_intent_id).toBe(second)
  expect(await tenant.createSubscription()).toMatchObject({
    status: 409,
    body: { error: { code: 'payment_method_required' } },
  })
  await service.stripe.setupIntents.confirm(second, {
    payment_method: 'pm_card_mastercard',
    return_url: returnUrl,
  })
  expect(await tenant.createSubscription()).toMatchObject({ status: 200 })
})

test('after the subscription, and for a session that is over, nothing is corrected', async () => {
  const tenant = wizard(service)
  await tenant.to('createSubscription')
  expect(await correct(tenant.of.sessionId, { name: 'Ada King' })).toMatchObject({
    status: 409,
    body: { error: { code: 'step_not_allowed', details: { status: 'subscription_created' } } },
  })
  const other = wizard(service)
  await other.to('start')
  await other.cancel()
  expect(await correct(other.of.sessionId, { name: 'Ada King' })).toMatchObject({
    status: 409,
    body: { error: { code: 'step_not_allowed', details: { status: 'cancelled' } } },
  })
})

test('nothing to correct, an empty name and another tenant’s session are refused', async () => {
  const tenant = wizard(service)
  const other = wizard(service)
  await tenant.to('start')
  await other.to('start')
  expect(await correct(tenant.of.sessionId, {})).toMatchObject({ status: 422 })
  expect(await correct(tenant.of.sessionId, { name: '' })).toMatchObject({ status: 422 })
  expect(
    await service.request(
      'POST',
      '/onboarding/applicant',
      { session_id: tenant.of.sessionId, name: 'Eve' },
      { key: other.of.token },
    ),
  ).toMatchObject({ status: 404 })
})

test('a success_url of an allowed origin is kept as a browser reads it, and shown; another is refused', async () => {
  const { origin } = new URL(service.context.config.returnUrlOrigins[0] ?? '')
  const tenant = wizard(service)
  expect(await tenant.start({ ...applicant, success_url: `${origin}/welcome /you` })).toMatchObject({
    status: 200,
  })
  expect((await tenant.show()).body.data.success_url).toBe(`${origin}/welcome%20/you`)
  const without = wizard(service)
  await without.start()
  expect((await without.show()).body.data.success_url).toBeNull()
  for (const success_url of [
    'https://evil.example/',
    'javascript:alert(1)',
    `${origin.replace('//', '//a@')}/`,
  ])
    expect(await wizard(service).start({ ...applicant, success_url })).toMatchObject({
      status: 422,
      body: { error: { details: { fields: [{ path: 'success_url' }] } } },
    })
})
