import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Reply } from '../support/requests.ts'
import { type Service, startService } from '../support/service.ts'
import { returnUrl, wizard } from '../support/wizard.ts'

type Route = { method: string; path: string; scopes: string[]; example: Record<string, unknown> }

type Operation = {
  'x-scopes'?: string[]
  requestBody?: { content: Record<string, { example: Record<string, unknown> }> }
}

let service: Service
let routes: Route[]
let mine: ReturnType<typeof wizard>
let theirs: ReturnType<typeof wizard>
let keys: { tenant: string; session: string }
beforeAll(async () => {
  service = await startService()
  mine = wizard(service)
  theirs = wizard(service)
  await mine.to('createSubscription')
  await theirs.to('createSubscription')
  keys = { tenant: await service.tenantKey(mine.of.tenantId), session: mine.of.token }
  const document = (await (await service.app.request('/openapi.json')).json()) as {
    paths: Record<string, Record<string, Operation>>
  }
  routes = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).flatMap(([method, { 'x-scopes': scopes, requestBody }]) => {
      const example = requestBody?.content['application/json']?.example ?? {}
      return scopes === undefined ? [] : [{ method: method.toUpperCase(), path, scopes, example }]
    }),
  )
})
afterAll(() => service.close())

/** What a tenant may change, by the contract: its own session's steps, and more usage. */
const isStep = ({ path }: Route) =>
  path.startsWith('/api/v1/onboarding/') && path !== '/api/v1/onboarding/start'
const isMetering = ({ path }: Route) => /\/billing\/usage(\/batch)?$/.test(path)
const isRead = ({ method }: Route) => method === 'GET'
const isWrite = (route: Route) => !isRead(route)

/** A request to the route about a tenant, its session and its objects. `usage`: 'increment', unless it says otherwise. */
function send(route: Route, key: string, of: typeof mine.of, usage: object = {}): Promise<Reply> {
  const ids: Record<string, string> = {
    tenant_id: of.tenantId,
    session_id: of.sessionId,
    id: of.subscriptionId,
    code: 'LAUNCH50',
  }
  const path = route.path.replace('/api/v1', '').replace(/\{(\w+)\}/g, (_, name) => ids[name] ?? 'any')
  const record = { tenant_id: of.tenantId, usage_type: 'case', quantity: 1, ...usage }
  let body: object | undefined
  if (isRead(route)) body = undefined
  else if (path.endsWith('/batch')) body = { records: [record] }
  else if (isMetering(route)) body = record
  else if (isStep(route))
    body = {
      ...route.example,
      ...('return_url' in route.example && { return_url: returnUrl }),
      session_id: of.sessionId,
    }
  else body = { ...route.example, ...('tenant_id' in route.example && { tenant_id: of.tenantId }) }
  return service.request(route.method, path, body, { key })
}

const facts = () => service.context.db.reader.selectFrom('billing_events').select('position').execute()
const names = (some: Route[]) => some.map(({ method, path }) => `${method} ${path}`)

describe("a tenant's key", () => {
  test('changes nothing but by the steps of its session and by adding usage: all other writes are 403', async () => {
    const before = await facts()
    const writes = routes.filter((route) => isWrite(route) && !isStep(route) && !isMetering(route))
    expect(writes.length).toBeGreaterThan(12)
    for (const route of writes) {
      const { status, body } = await send(route, keys.tenant, mine.of)
      expect([status, body.error.code], names([route])[0]).toEqual([403, 'forbidden'])
    }
    for (const usage of [{ action: 'set' }, { usage_type: 'platform_base' }])
      for (const route of routes.filter(isMetering)) {
        const { status, body } = await send(route, keys.tenant, mine.of, usage)
        expect([status, body.error.code], `${route.path} ${JSON.stringify(usage)}`).toEqual([
          403,
          'forbidden',
        ])
      }
    expect(await facts()).toEqual(before)
  })

  test('adds usage of its own, one by one and in batches', async () => {
    for (const route of routes.filter(isMetering))
      expect((await send(route, keys.tenant, mine.of)).status, route.path).toBe(200)
  })

  test('reads what is its own and takes its own steps', async () => {
    for (const route of routes.filter((each) => each.scopes.includes('tenant'))) {
      if (route.path.endsWith('/stream') || isMetering(route)) continue
      const { status, body } = await send(route, keys.tenant, mine.of)
      // A step that is done answers again; one that wants more fields names them. Neither is a refusal of the key.
      expect([200, 409, 422], `${names([route])}: ${JSON.stringify(body)}`).toContain(status)
    }
  })

  test("finds nothing of another tenant's, whatever the route: 404, and nothing is written", async () => {
    const before = await facts()
    const ofAll = /\/billing\/(plans|discounts\/\{code\})$/
    for (const route of routes.filter((each) => each.scopes.includes('tenant') && !ofAll.test(each.path))) {
      const { status, body } = await send(route, keys.tenant, theirs.of)
      expect([status, body.error.code], names([route])[0]).toEqual([404, 'not_found'])
    }
    expect(await facts()).toEqual(before)
  })
})

describe("a session's token", () => {
  test('reaches the routes of its session and the plans, and no others: 403', async () => {
    const before = await facts()
    const open = routes.filter((route) => route.scopes.includes('session'))
    expect(open.filter((route) => !isStep(route)).map(({ path }) => path)).toEqual(['/api/v1/billing/plans'])
    for (const route of routes.filter((each) => !open.includes(each))) {
      const { status, body } = await send(route, keys.session, mine.of)
      expect([status, body.error.code], names([route])[0]).toEqual([403, 'forbidden'])
    }
    for (const route of open.filter(isStep)) {
      const { status, body } = await send(route, keys.session, theirs.of)
      expect([status, body.error.code], names([route])[0]).toEqual([404, 'not_found'])
    }
    expect(await facts()).toEqual(before)
  })
})

test('nobody but an operator reaches the operators’ routes', async () => {
  const operators = routes.filter(({ path }) => path.startsWith('/api/v1/admin/'))
  expect(operators.length).toBeGreaterThan(10)
  for (const route of operators)
    for (const key of [keys.tenant, keys.session, service.keys.platform])
      expect((await send(route, key, mine.of)).status, names([route])[0]).toBe(403)
})

describe("a tenant's usage keys live apart from the platform's", () => {
  const record = (key: string, more: object = {}) =>
    service.request(
      'POST',
      '/billing/usage',
      {
        tenant_id: mine.of.tenantId,
        usage_type: 'agent',
        quantity: 1,
        idempotency_key: 'agents-2026-03',
        ...more,
      },
      { key },
    )
  const recordedBy = (reply: Reply) => [reply.status, reply.body.data?.quantity]

  test('neither collides with the other, and neither reads the other’s record', async () => {
    const first = await record(keys.tenant, { quantity: 2 })
    const platforms = await record(service.keys.platform, {
      quantity: 70,
      metadata: { invoice: 'of the host' },
    })
    expect([recordedBy(first), recordedBy(platforms)]).toEqual([
      [200, 2],
      [200, 70],
    ])
    // Each finds its own again.
    expect((await record(keys.tenant, { quantity: 2 })).body.data).toEqual(first.body.data)
    expect(
      (await record(service.keys.platform, { quantity: 70, metadata: { invoice: 'of the host' } })).body.data,
    ).toEqual(platforms.body.data)
    expect((await record(keys.tenant, { quantity: 70 })).status).toBe(409)
  })

  test('two keys of one tenant share theirs, so that a key can be changed in the middle', async () => {
    const first = await record(keys.tenant, { quantity: 2 })
    const other = await service.tenantKey(mine.of.tenantId)
    expect((await record(other, { quantity: 2 })).body.data).toEqual(first.body.data)
  })
})
