import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Reply } from '../support/requests.ts'
import { type Service, startService } from '../support/service.ts'
import { applicant, settled, type Wizard, wizard } from '../support/wizard.ts'

let service: Service
let ada: Wizard
/** Ada once more, who has only begun. */
let again: Wizard
beforeAll(async () => {
  service = await startService({ webhooks: true })
  ada = wizard(service)
  await ada.to('createSubscription')
  await settled(service)
  again = wizard(service)
  await again.to('start')
  const usage = { tenant_id: ada.of.tenantId, usage_type: 'case', quantity: 3 }
  await service.request('POST', '/billing/usage', usage)
})
afterAll(() => service.close())

const get = (path: string) => service.request('GET', `/admin${path}`)
const data = async (path: string) => {
  const reply = await get(path)
  expect(reply, path).toMatchObject({ status: 200, body: { success: true } })
  return reply.body.data
}
const holdsPersonal = ({ body }: Pick<Reply, 'body'>) =>
  Object.values(applicant).some((text) => JSON.stringify(body).includes(text))

test('sessions are listed by status and tenant', async () => {
  expect((await data('/sessions')).items).toHaveLength(2)
  const { items } = await data(`/sessions?status=subscription_created&tenant_id=${ada.of.tenantId}`)
  expect(items).toMatchObject([
    {
      session_id: ada.of.sessionId,
      position: 'subscription_created.live',
      version: 9,
      is_quarantined: false,
    },
  ])
  expect((await data('/sessions?stuck=true')).items).toEqual([])
  expect((await get('/sessions?stuck=perhaps')).status).toBe(422)
})

test('a session is shown with its path and its facts, personal data left out', async () => {
  const reply = await get(`/sessions/${ada.of.sessionId}`)
  const { data: session } = reply.body
  const onboarding = (await ada.show()).body.data
  // The plan as it was chosen: what is due for it by today's rules is the applicant's to see, not the session's.
  const { due, ...plan } = onboarding.plan
  expect(due.invoices).toHaveLength(1)
  for (const name of ['status', 'next_step', 'position', 'plan', 'subscription'])
    expect(session[name], name).toEqual({ ...onboarding, plan }[name])
  expect(session.path).toHaveLength(9)
  expect(session.path.at(-1)).toMatchObject({ place: 'subscription_created.live', actor: 'worker' })
  expect(session.facts[0].data).toMatchObject({ session_id: ada.of.sessionId, personal: '[personal]' })
  expect(holdsPersonal(reply)).toBe(false)
  expect((await get('/sessions/nobody')).status).toBe(404)
})

test('a session is shown as it was at any position, with its tenant’s rows then', async () => {
  const { path } = await data(`/sessions/${ada.of.sessionId}`)
  for (const { position, place } of path)
    expect(await data(`/sessions/${ada.of.sessionId}/at?position=${position}`)).toMatchObject({
      position,
      place,
    })
  const [first] = path
  const early = await data(`/sessions/${ada.of.sessionId}/at?position=${first.position}`)
  expect(early).toMatchObject({ context: { customer_id: null }, tables: { billing_customers: [] } })
  const before = await data(`/sessions/${ada.of.sessionId}/at?position=0`)
  expect(before).toMatchObject({ place: null, context: null, time: null })
  const now = await data(`/sessions/${ada.of.sessionId}/at?position=${path.at(-1).position}`)
  expect(now.tables.billing_subscriptions).toMatchObject([{ subscription_id: ada.of.subscriptionId }])
  expect((await get(`/sessions/${ada.of.sessionId}/at?position=100000`)).status).toBe(422)
})

test('the capsule has no personal data', async () => {
  const reply = await get(`/sessions/${ada.of.sessionId}/capsule`)
  expect(reply.body.data).toMatchObject({ format: 'stepledger-capsule/1', session_id: ada.of.sessionId })
  expect(holdsPersonal(reply)).toBe(false)
})

test('tenants are found by id, e-mail and name, whatever the case, and a wildcard is a letter', async () => {
  const found = async (query: string) =>
    (await data(`/tenants?query=${encodeURIComponent(query)}`)).items.map(
      (one: { tenant_id: string }) => one.tenant_id,
    )
  for (const query of ['ADA@', 'lovelace'])
    expect(await found(query), query).toEqual([again.of.tenantId, ada.of.tenantId])
  expect(await found(ada.of.tenantId.toLowerCase())).toEqual([ada.of.tenantId])
  for (const query of ['%da', 'Ada_Lovelace', 'nobody']) expect(await found(query), query).toEqual([])
  const first = await data('/tenants?limit=1')
  const second = await data(`/tenants?limit=1&cursor=${first.next_cursor}`)
  expect(second.items).toMatchObject([
    { tenant_id: ada.of.tenantId, subscription_status: 'trialing', plan_id: 'basic', sessions: 1 },
  ])
  expect(second.next_cursor).toBeNull()
})

test('a tenant is shown with all its rows, its status and its usage per day', async () => {
  const tenant = await data(`/tenants/${ada.of.tenantId}`)
  expect(tenant).toMatchObject({
    customer: { email: applicant.email },
    sessions: [{ session_id: ada.of.sessionId }],
    subscriptions: [{ subscription_id: ada.of.subscriptionId }],
    invoices: [{ status: 'paid', total_cents: 0 }],
    payment_methods: [{ brand: 'visa' }],
    usage: [
      {
        usage_type: 'case',
        quantity: '3',
        day: expect.stringMatching(/^\d{4}-\d\d-\d\d$/),
      },
    ],
    unbilled: { lines: [{ usage_type: 'case', quantity: 3 }], amount_cents: 3000 },
  })
  const { body } = await service.request('GET', `/billing/status/tenant/${ada.of.tenantId}`)
  expect(tenant.status).toEqual(body)
  expect((await get('/tenants/nobody')).status).toBe(404)
})

test('diff and why answer what the commands do, and refuse what is none', async () => {
  const changes = await data(
    `/diff?tenant_id=${ada.of.tenantId}&from=0&to=${new Date(Date.now() + 1000).toISOString()}`,
  )
  expect(changes.sessions).toMatchObject([{ before: null, after: 'subscription_created.live' }])
  expect((await get(`/diff?tenant_id=${ada.of.tenantId}&from=now&to=3`)).status).toBe(422)
  const reasons = await data(`/why?table=billing_subscriptions&key=${ada.of.subscriptionId}&column=status`)
  expect(reasons.facts).toMatchObject([{ changes: [{ before: null, after: 'trialing' }] }])
  expect((await get('/why?table=api_keys&key=x')).status).toBe(422)
  expect((await get('/why?table=billing_customers&key=x')).status).toBe(404)
})

test('the statechart has its states, transitions and population', async () => {
  expect(await data('/statechart')).toMatchObject({
    machine_version: expect.stringMatching(/^[0-9a-f]{16}$/),
    population: { 'subscription_created.live': 1, 'started.idle': 1 },
  })
})
