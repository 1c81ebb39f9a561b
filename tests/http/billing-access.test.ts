import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Service, startService } from '../support/service.ts'

let service: Service
let keyA: string
let customerB: string
beforeAll(async () => {
  service = await startService()
  for (const tenant_id of ['tenant_a', 'tenant_b']) {
    const body = { tenant_id, email: `${tenant_id}@example.com`, name: tenant_id }
    customerB = (await service.request('POST', '/billing/customers', body)).body.data.customer_id
  }
  await service.request('POST', '/billing/subscriptions', {
    tenant_id: 'tenant_b',
    customer_id: customerB,
    price_id: 'price_basic_monthly',
    payment_method_id: 'pm_card_visa',
  })
  keyA = await service.tenantKey('tenant_a')
})
afterAll(() => service.close())

const counted = async () => {
  const { count } = await service.context.db.reader
    .selectFrom('billing_events')
    .select((eb) => eb.fn.countAll<number>().as('count'))
    .executeTakeFirstOrThrow()
  return Number(count)
}

const reads = ['customers', 'subscriptions', 'status', 'invoices', 'payment-methods']

test("another tenant's billing is 404 in the words of what does not exist, and nothing is written", async () => {
  const before = await counted()
  for (const what of reads) {
    const theirs = await service.request('GET', `/billing/${what}/tenant/tenant_b`, undefined, { key: keyA })
    const nobodys = await service.request('GET', `/billing/${what}/tenant/nobody`, undefined, { key: keyA })
    expect([theirs.status, nobodys.status]).toEqual([404, 404])
    expect(theirs.body.error.message).toBe(nobodys.body.error.message)
  }
  const stolen = { tenant_id: 'tenant_a', customer_id: customerB, price_id: 'price_basic_monthly' }
  expect((await service.request('POST', '/billing/subscriptions', stolen)).status).toBe(404)
  expect(await counted()).toBe(before)
})

test('a tenant reads what is its own', async () => {
  for (const what of ['customers', 'status', 'invoices', 'payment-methods'])
    expect(
      (await service.request('GET', `/billing/${what}/tenant/tenant_a`, undefined, { key: keyA })).status,
    ).toBe(200)
  expect((await service.request('GET', '/billing/plans', undefined, { key: keyA })).status).toBe(200)
})

test('nobody gets in without a key', async () => {
  for (const what of reads)
    expect(
      (await service.request('GET', `/billing/${what}/tenant/tenant_a`, undefined, { key: '' })).status,
    ).toBe(401)
  expect((await service.request('POST', '/billing/discounts', {}, { key: '' })).status).toBe(401)
})

test("a session's token reads the plans and no billing", async () => {
  const applicant = { email: 'c@example.com', name: 'C', company_name: 'ACME' }
  const { data } = (await service.request('POST', '/onboarding/start', applicant)).body
  const as = (path: string) => service.request('GET', path, undefined, { key: data.session_token })
  expect((await as('/billing/plans')).status).toBe(200)
  expect((await as(`/billing/status/tenant/${data.tenant_id}`)).status).toBe(403)
})

test('every billing route is in the description of the API', async () => {
  const document = (await (await service.app.request('/openapi.json')).json()) as { paths: object }
  const paths = Object.keys(document.paths)
  for (const path of [
    '/billing/customers',
    '/billing/customers/tenant/{tenant_id}',
    '/billing/subscriptions',
    '/billing/subscriptions/tenant/{tenant_id}',
    '/billing/subscriptions/{id}/change-plan',
    '/billing/subscriptions/{id}/preview-change',
    '/billing/subscriptions/{id}/cancel',
    '/billing/subscriptions/{id}/resume',
    '/billing/subscriptions/{id}/pause',
    '/billing/status/tenant/{tenant_id}',
    '/billing/access/tenant/{tenant_id}',
    '/billing/invoices/tenant/{tenant_id}',
    '/billing/payment-methods/tenant/{tenant_id}',
    '/billing/plans',
    '/billing/discounts',
    '/billing/discounts/{code}',
  ])
    expect(paths).toContain(`/api/v1${path}`)
})
