import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { ingest } from '../../src/inbox/ingest.ts'
import { readFacts } from '../../src/log/read.ts'
import { eventually, type Service, startService } from '../support/service.ts'

let service: Service
beforeEach(async () => {
  service = await startService()
})
afterEach(() => service.close())

const body = { tenant_id: 'Jeturing_123', email: 'customer@example.com', name: 'John Doe' }
const create = (more: object = {}, options = {}) =>
  service.request('POST', '/billing/customers', { ...body, ...more }, options)
const facts = () => Array.fromAsync(readFacts(service.context.db.reader, { stream: 'billing-Jeturing_123' }))
const customersAtStripe = async () =>
  (await service.stripe.customers.list({ email: body.email, limit: 100 })).data

test('a tenant has one customer, and the same request again answers the same one', async () => {
  const first = await create({ phone: '+1234567890', company_name: 'ACME', metadata: { crm: '7' } })
  expect(first.status).toBe(200)
  expect(first.body.data).toEqual({
    customer_id: expect.stringMatching(/^cus_/),
    tenant_id: 'Jeturing_123',
    email: 'customer@example.com',
    name: 'John Doe',
    phone: '+1234567890',
    default_payment_method_id: null,
    balance_cents: 0,
    is_delinquent: false,
    created_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.000Z$/),
  })
  const again = await create()
  expect(again.status).toBe(200)
  expect(again.body).toEqual(first.body)
  expect((await service.request('GET', '/billing/customers/tenant/Jeturing_123')).body).toEqual(first.body)
  const [atStripe, ...others] = await customersAtStripe()
  expect(others).toEqual([])
  expect(atStripe?.metadata).toMatchObject({ tenant_id: 'Jeturing_123', company_name: 'ACME', crm: '7' })
})

test('two requests at once make one customer', async () => {
  const replies = await Promise.all([create(), create(), create()])
  expect(replies.map(({ status }) => status)).toEqual([200, 200, 200])
  expect(new Set(replies.map((reply) => reply.body.data.customer_id)).size).toBe(1)
  expect(await customersAtStripe()).toHaveLength(1)
})

test.each(['500_after', '500_before', 'reset_after', 'html'] as const)(
  'a customer whose creation ended in %s, and in a crash, is one customer after the retry',
  async (kind) => {
    // As often as the SDK tries by itself.
    service.sandbox.faults.add({ method: 'POST', path: '/v1/customers', kind, count: 2 })
    const first = await create()
    expect(first.status).toBe(503)
    expect(first.body.error.code).toBe('stripe_unavailable')
    expect(first.headers.get('Retry-After')).toMatch(/^\d+$/)

    const restarted = await startService({ directory: service.directory, sandbox: service.sandbox })
    try {
      const reply = await eventually(() => restarted.request('POST', '/billing/customers', body))
      expect(reply.status).toBe(200)
      expect((await customersAtStripe()).map(({ id }) => id)).toEqual([reply.body.data.customer_id])
    } finally {
      await restarted.close()
    }
  },
)

test('an operation that its client gave up is finished by the worker, under the same key', async () => {
  service.sandbox.faults.add({ method: 'POST', path: '/v1/customers', kind: '500_before', count: 2 })
  expect((await create()).status).toBe(503)
  const inTwoHours = new Date(Date.now() + 2 * 3_600_000)
  const worker = await startService({
    directory: service.directory,
    sandbox: service.sandbox,
    now: () => inTwoHours,
  })
  try {
    await worker.context.effects.start()
    await vi.waitFor(
      async () =>
        expect((await worker.request('GET', '/billing/customers/tenant/Jeturing_123')).status).toBe(200),
      { timeout: 5_000 },
    )
  } finally {
    await worker.close()
  }
  expect(await customersAtStripe()).toHaveLength(1)
  const types = (await facts()).map(({ type }) => type).filter((type) => type.startsWith('billing.'))
  expect(types).toEqual(['billing.operation_requested', 'billing.operation_succeeded'])
})

test("a webhook that is earlier than the call's answer does not make a second customer", async () => {
  service.sandbox.faults.add({ method: 'POST', path: '/v1/customers', kind: '500_after' })
  expect((await create()).status).toBe(503)
  const [event] = (await service.stripe.events.list({ type: 'customer.created' })).data
  if (event === undefined) throw new Error('no event')
  expect(await ingest(service.context, event)).toBe('parked')

  const reply = await eventually(() => create())
  expect(reply.status).toBe(200)
  expect(await customersAtStripe()).toHaveLength(1)
  const row = await service.context.db.reader
    .selectFrom('stripe_events')
    .selectAll()
    .executeTakeFirstOrThrow()
  expect(row).toMatchObject({ disposition: 'released', customer_id: reply.body.data.customer_id })
})

test('while onboarding makes the customer, the request is to come again', async () => {
  const applicant = { email: body.email, name: body.name, company_name: 'ACME' }
  const { data: session } = (await service.request('POST', '/onboarding/start', applicant)).body
  service.sandbox.faults.add({ method: 'POST', path: '/v1/customers', kind: '500_before', count: 2 })
  const step = () =>
    service.request('POST', '/onboarding/step/create-customer', { session_id: session.session_id })
  expect((await step()).status).toBe(503)

  const refused = await create({ tenant_id: session.tenant_id })
  expect(refused.status).toBe(409)
  expect(refused.body.error.code).toBe('conflict')
  expect(refused.headers.get('Retry-After')).toBe('1')

  const { data: onboarded } = (await step()).body
  const reply = await create({ tenant_id: session.tenant_id })
  expect(reply.body.data.customer_id).toBe(onboarded.customer_id)
  expect(await customersAtStripe()).toHaveLength(1)
})

test('a tenant whose customer was deleted at Stripe gets a new one', async () => {
  const { customer_id } = (await create()).body.data
  await service.stripe.customers.del(customer_id)
  const [event] = (await service.stripe.events.list({ type: 'customer.deleted' })).data
  if (event === undefined) throw new Error('no event')
  await ingest(service.context, event)
  expect((await service.request('GET', '/billing/customers/tenant/Jeturing_123')).status).toBe(404)

  const reply = await create()
  expect(reply.status).toBe(200)
  expect(reply.body.data.customer_id).not.toBe(customer_id)
})

test('personal data stands under personal alone', async () => {
  await create({ phone: '+1234567890', company_name: 'ACME Corp' })
  const outside = (await facts()).map(({ data, ...fact }) => {
    const { personal: _, ...rest } = data as { personal?: object }
    return JSON.stringify({ ...fact, data: rest })
  })
  expect(outside.join()).toMatch(/Jeturing_123/)
  expect(outside.join()).not.toMatch(/customer@example|John Doe|1234567890|ACME/)
})

test.each([
  ['tenant_id', { tenant_id: 'a b' }],
  ['tenant_id', { tenant_id: 'x'.repeat(129) }],
  ['email', { email: 'nobody' }],
  ['name', { name: 'x'.repeat(201) }],
  ['phone', { phone: 'call me' }],
  ['metadata', { metadata: { tenant_id: 'another' } }],
  ['role', { role: 'admin' }],
])('a request with an unusable %s is refused and reaches nobody', async (path, more) => {
  const reply = await create(more)
  expect(reply.status).toBe(422)
  expect(reply.body.error.details.fields.map((field: { path: string }) => field.path)).toEqual([path])
  expect(await customersAtStripe()).toEqual([])
})
