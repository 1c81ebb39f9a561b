import { afterAll, beforeAll, expect, test } from 'vitest'
import { record } from '../../src/projections/record.ts'
import {
  at,
  epoch,
  newFact,
  observed,
  recordAll,
  stripeEvent,
  tenant,
  usageRecorded,
} from '../support/facts.ts'
import { recordIncident } from '../support/incident.ts'
import { januaryId, recordMonth } from '../support/month.ts'
import { adminKey } from '../support/requests.ts'
import { type TestApp, testApp } from '../support/test-app.ts'

const session = '7c1de0aa-1111-4111-8111-111111111111'
const applicant = {
  email: 'Grace@navy.example',
  name: 'Grace Hopper',
  company_name: 'Émile & Fils 100%',
  phone: null,
}
const customer = { id: 'cus_Grace', object: 'customer', created: epoch, balance: 0 }

let app: TestApp
beforeAll(async () => {
  app = await testApp()
  const started = {
    session_id: session,
    expires_at: at(72 * 3600),
    request_hash: '0'.repeat(64),
    personal: { ...applicant, success_url: null },
  }
  const fact = newFact('onboarding.started', started)
  await app.db.transact((trx) => record(trx, `onboarding-${session}`, 'any', [fact], at(0)))
  const invoice = {
    id: 'in_Grace',
    object: 'invoice',
    created: epoch,
    customer: 'cus_Grace',
    number: 'GH-0001',
  }
  const subscription = { id: 'sub_Grace', object: 'subscription', created: epoch, customer: 'cus_Grace' }
  await recordAll(app.db, [
    observed('customer', { ...customer, email: applicant.email, name: applicant.name }, 1),
    observed('invoice', { ...invoice, status: 'open', currency: 'usd' }, 2),
    observed('subscription', { ...subscription, status: 'active', items: { data: [] } }, 3),
  ])
})
afterAll(() => app.close())

const get = async (path: string) => (await app.get(`/api/v1/admin${path}`, { key: adminKey })).body.data
const found = async (query: string) =>
  (await get(`/tenants?query=${encodeURIComponent(query)}`)).items.map(
    (one: { tenant_id: string }) => one.tenant_id,
  )

test.for([
  ['company', 'Émile & F'],
  ['a percent sign is one', '100%'],
  ['name', 'hopper'],
  ['e-mail', 'grace@NAVY'],
  ['customer', 'cus_Grace'],
  ['beginning of the customer', 'cus_gr'],
  ['subscription', 'sub_Grace'],
  ['invoice', 'in_Gra'],
  ['invoice number', 'gh-0001'],
  ['beginning of the session', '7C1DE0'],
  ['whole session', session],
  ['beginning of the tenant', tenant.slice(0, 30)],
] as const)('a tenant is found by %s', async ([_what, query]) => {
  expect(await found(query)).toEqual([tenant])
})

test('what no tenant has finds none', async () => {
  for (const query of ['us_Grace', '0%0', '1_0', 'nobody']) expect(await found(query)).toEqual([])
})

test('a session is found by the beginning of its id', async () => {
  expect((await get('/sessions?session_id=7C1D')).items).toMatchObject([{ session_id: session }])
  expect((await get('/sessions?session_id=c1de')).items).toEqual([])
})

test('a tenant has its names, company and e-mail, as last said', async () => {
  expect(await get(`/tenants/${tenant}`)).toMatchObject({
    person: { name: 'Grace Hopper', company_name: 'Émile & Fils 100%', email: 'Grace@navy.example' },
  })
  const renamed = { ...customer, name: 'Rear Admiral Hopper', email: 'g@navy.example' }
  await recordAll(app.db, [
    stripeEvent('customer.updated', 'customer', { ...renamed, metadata: { company_name: 'US Navy' } }, 20),
    // Late: older than what is known.
    stripeEvent('customer.updated', 'customer', { ...renamed, name: 'Lieutenant Hopper' }, 10),
  ])
  expect((await get('/tenants?query=us%20navy')).items).toMatchObject([
    { name: 'Rear Admiral Hopper', company_name: 'US Navy', email: 'g@navy.example' },
  ])
})

test('a tenant has its months, and what it used on each day', async () => {
  await recordIncident(app.db)
  await recordMonth(app.db)
  await recordAll(app.db, [usageRecorded('usg_today', 73 * 86_400, { quantity: 4 })], at(73 * 86_400))
  const { months, usage } = await get(`/tenants/${tenant}`)
  expect(months).toMatchObject([
    { is_open: true, dues: [{ usage_type: 'platform_base' }] },
    { window_id: januaryId, is_open: false, lines: [{ line_id: 'line_cases' }, { line_id: 'line_calls' }] },
  ])
  expect(usage).toEqual([{ day: '2026-03-15', usage_type: 'case', quantity: '4' }])
})
