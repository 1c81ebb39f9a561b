import { afterEach, beforeEach, expect, test } from 'vitest'
import { eventually, type Service, startService } from '../support/service.ts'
import { returnUrl, wizard } from '../support/wizard.ts'

let service: Service
beforeEach(async () => {
  service = await startService({
    catalogue: false,
    environment: { STRIPE_PUBLISHABLE_KEY: 'pk_test_of_the_tests' },
  })
})
afterEach(() => service.close())

const tenant_id = 'tenant_a'
const addCustomer = async (tenant = tenant_id): Promise<string> => {
  const customer = { tenant_id: tenant, email: `${tenant}@example.com`, name: 'A' }
  return (await service.request('POST', '/billing/customers', customer)).body.data.customer_id
}
const paths = ['/billing/payment-methods/setup', '/billing/portal']
const post = (path: string, more: object = {}, options = {}) =>
  service.request('POST', path, { tenant_id, return_url: returnUrl, ...more }, options)
const setUp = (options = {}) => post('/billing/payment-methods/setup', {}, options)
const intentsOf = async (customer: string) =>
  (await service.stripe.setupIntents.list({ customer, limit: 100 })).data

/** Every text that the database keeps of it. */
async function keptTexts(): Promise<string> {
  const { reader } = service.context.db
  const rows = [
    await reader.selectFrom('billing_events').selectAll().execute(),
    await reader.selectFrom('effects').selectAll().execute(),
    await reader.selectFrom('idempotency_keys').selectAll().execute(),
    await reader.selectFrom('billing_customers').selectAll().execute(),
  ]
  return JSON.stringify(rows) + service.logLines.join('')
}

test('a paying tenant gets a SetupIntent of its customer, whose secret is nowhere kept', async () => {
  const customer = await addCustomer()
  const { status, body } = await setUp()
  expect(status).toBe(200)
  const [intent, ...others] = await intentsOf(customer)
  expect(others).toEqual([])
  expect(body.data).toEqual({
    client_secret: intent?.client_secret,
    setup_intent_id: intent?.id,
    publishable_key: 'pk_test_of_the_tests',
  })
  expect(intent).toMatchObject({ customer, usage: 'off_session', metadata: { tenant_id } })
  expect(await keptTexts()).not.toContain(body.data.client_secret)
})

test('the same request under its Idempotency-Key answers the same SetupIntent with its secret, a new request another', async () => {
  const customer = await addCustomer()
  const again = { headers: { 'Idempotency-Key': 'another card' } }
  const first = await setUp(again)
  const second = await setUp(again)
  expect([second.status, second.body]).toEqual([200, first.body])
  // Also once the stored reply is gone.
  await service.context.db.transact((trx) => trx.deleteFrom('idempotency_keys').execute())
  expect((await setUp(again)).body).toEqual(first.body)
  expect(await intentsOf(customer)).toHaveLength(1)
  expect((await setUp()).body.data.setup_intent_id).not.toBe(first.body.data.setup_intent_id)
})

test.each(['500_after', 'reset_after'] as const)(
  'a SetupIntent whose creation ended in %s, and in a crash, is one after the retry',
  async (kind) => {
    const customer = await addCustomer()
    service.sandbox.faults.add({ method: 'POST', path: '/v1/setup_intents', kind, count: 2 })
    expect((await setUp()).status).toBe(503)
    const restarted = await startService({ directory: service.directory, sandbox: service.sandbox })
    try {
      const body = { tenant_id, return_url: returnUrl }
      const reply = await eventually(() => restarted.request('POST', '/billing/payment-methods/setup', body))
      expect((await intentsOf(customer)).map(({ id }) => id)).toEqual([reply.body.data.setup_intent_id])
    } finally {
      await restarted.close()
    }
  },
)

test('the portal is opened for the tenant’s customer, anew each time, and its address is nowhere kept', async () => {
  await addCustomer()
  const key = { headers: { 'Idempotency-Key': 'portal' } }
  const first = await post('/billing/portal', {}, key)
  expect(first.status).toBe(200)
  const page = await (await fetch(first.body.data.url)).text()
  expect(page).toContain('Customer portal')
  expect(page).toContain(`href="${returnUrl}"`)
  const second = await post('/billing/portal', {}, key)
  expect(second.status).toBe(200)
  expect(second.body.data.url).not.toBe(first.body.data.url)
  expect((await post('/billing/portal', { return_url: `${returnUrl}/2` }, key)).status).toBe(409)
  const id = new URL(first.body.data.url).pathname.split('/').at(-1) ?? ''
  expect(id).toMatch(/^bps_/)
  expect(await keptTexts()).not.toContain(id)
})

test.each(paths)(
  '%s refuses another origin, an unknown tenant, one without a customer, and a tenant’s key',
  async (path) => {
    await addCustomer()
    const other = await post(path, { return_url: 'https://evil.example/' })
    expect([other.status, other.body.error.details.fields[0].path]).toEqual([422, 'return_url'])
    expect((await post(path, { tenant_id: 'nobody' })).status).toBe(404)
    const starting = wizard(service)
    await starting.to('start')
    const without = await post(path, { tenant_id: starting.of.tenantId })
    expect([without.status, without.body.error.code]).toEqual([409, 'conflict'])
    for (const tenant of [tenant_id, 'tenant_b'])
      expect((await post(path, {}, { key: await service.tenantKey(tenant) })).status).toBe(403)
    expect((await post(path, {}, { key: service.keys.platform })).status).toBe(200)
  },
)

test('without Stripe both answer 503 stripe_disabled', async () => {
  await addCustomer()
  const off = await startService({
    directory: service.directory,
    sandbox: service.sandbox,
    catalogue: false,
    environment: { STRIPE_ENABLED: 'false' },
  })
  try {
    for (const path of paths) {
      const { status, body } = await off.request('POST', path, { tenant_id, return_url: returnUrl })
      expect([status, body.error.code]).toEqual([503, 'stripe_disabled'])
    }
  } finally {
    await off.close()
  }
})
