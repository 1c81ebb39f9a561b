import { afterEach, beforeEach, expect, test } from 'vitest'
import { type Service, startService } from '../support/service.ts'
import { requestsTo } from '../support/wizard.ts'

let service: Service
let customerId: string
beforeEach(async () => {
  service = await startService({ catalogue: false })
  const customer = { tenant_id: 'tenant_a', email: 'a@example.com', name: 'A', phone: '+1234567890' }
  customerId = (await service.request('POST', '/billing/customers', customer)).body.data.customer_id
})
afterEach(() => service.close())

const change = (body: object, { tenant = 'tenant_a', ...options }: { tenant?: string; key?: string } = {}) =>
  service.request('PATCH', `/billing/customers/tenant/${tenant}`, body, options)
const address = { line1: '17 Zanzibar Lane', city: 'Springfield', postal_code: '12345', country: 'US' }

test('what is given changes at Stripe and here, what is left out stays', async () => {
  const { status, body } = await change({ email: 'b@example.com', address })
  expect(status).toBe(200)
  expect(body.data).toMatchObject({
    ...{ customer_id: customerId, tenant_id: 'tenant_a' },
    ...{ email: 'b@example.com', name: 'A', phone: '+1234567890' },
  })
  expect((await service.request('GET', '/billing/customers/tenant/tenant_a')).body).toEqual(body)
  const atStripe = await service.stripe.customers.retrieve(customerId)
  expect(atStripe).toMatchObject({
    email: 'b@example.com',
    name: 'A',
    address,
    metadata: { tenant_id: 'tenant_a' },
  })
})

test('the address stands in the clear nowhere: no fact, no table and no line of the log has it', async () => {
  await change({ address })
  const { reader } = service.context.db
  const texts = JSON.stringify([
    await reader.selectFrom('billing_events').selectAll().execute(),
    await reader.selectFrom('billing_customers').selectAll().execute(),
    await reader.selectFrom('effects').selectAll().execute(),
  ])
  for (const text of [texts, service.logLines.join('')]) {
    expect(text).not.toContain('Zanzibar')
    expect(text).not.toContain('12345"')
  }
})

test('a body without a field, with an unknown one or with a bad one is refused, and Stripe is not asked', async () => {
  const bad = [
    {},
    { tax_id: '1' },
    { email: 'nobody' },
    { address: { country: 'Utopia' } },
    { address: { zip: '1' } },
  ]
  for (const body of bad) expect((await change(body)).status, JSON.stringify(body)).toBe(422)
  expect(await requestsTo(service, 'POST', `/v1/customers/${customerId}`)).toEqual([])
})

test('it is the platform’s: a tenant’s key is refused, and a tenant without a customer is not found', async () => {
  for (const tenant of ['tenant_a', 'tenant_b'])
    expect((await change({ name: 'B' }, { key: await service.tenantKey(tenant) })).status).toBe(403)
  expect((await change({ name: 'B' }, { tenant: 'nobody' })).status).toBe(404)
  expect((await change({ name: 'B' }, { key: service.keys.platform })).status).toBe(200)
})

test('a change of unknown outcome is carried on by the same request, under its key', async () => {
  const path = `/v1/customers/${customerId}`
  service.sandbox.faults.add({ method: 'POST', path, kind: '500_before', count: 2 })
  expect((await change({ name: 'B' })).status).toBe(503)
  let reply = await change({ name: 'B' })
  if (reply.status === 503) reply = await change({ name: 'B' })
  expect([reply.status, reply.body.data.name]).toEqual([200, 'B'])
  const types = await service.context.db.reader
    .selectFrom('billing_events')
    .select('type')
    .where('fact_id', 'like', '%:update_customer:%')
    .where('type', 'like', 'billing.%')
    .execute()
  expect(types.map(({ type }) => type).sort()).toEqual([
    'billing.operation_requested',
    'billing.operation_succeeded',
  ])
})
