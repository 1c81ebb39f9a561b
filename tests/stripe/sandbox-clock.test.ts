import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import Stripe from 'stripe'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { z } from 'zod'
import { readConfig, sandboxBase } from '../../src/config.ts'
import { ownOrigin } from '../../src/http/listen.ts'
import { serve } from '../../src/main.ts'
import { distantClock } from '../../src/stripe/distant-clock.ts'
import { type Sandbox, startSandbox } from '../../src/stripe-sandbox/sandbox.ts'
import { listener, post } from '../stripe-sandbox/start.ts'
import {
  createPostgres,
  createSqlite,
  eachDatabase,
  type TestDatabase,
  testKey,
} from '../support/databases.ts'
import { freePort } from '../support/free-port.ts'
import { startHoldingProxy } from '../support/holding-proxy.ts'
import { adminKey, requestsAt, type SendRequest } from '../support/requests.ts'
import { runCli } from '../support/run-cli.ts'
import { type ServiceProcess, startProcess } from '../support/service-process.ts'
import { applicant } from '../support/wizard.ts'

/** The service in a process of its own goes along with the clock of a sandbox, its own or one in another process. */

const day = 86_400
const webhookSecret = 'whsec_of_the_tests'

async function temporaryDirectory(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'sandbox-clock-'))
  onTestFinished(() => rm(directory, { recursive: true, force: true }))
  return directory
}

async function newDatabase(create: () => Promise<TestDatabase>): Promise<TestDatabase> {
  const database = await create()
  onTestFinished(() => database.close())
  return database
}

async function started(environment: Record<string, string>): Promise<ServiceProcess> {
  const service = await startProcess({
    PERSONAL_DATA_KEY: testKey.toString('base64'),
    PORT: String(await freePort()),
    ...environment,
  })
  onTestFinished(async () => void (await service.kill('SIGKILL')))
  return service
}

type Served = Pick<ServiceProcess, 'url' | 'request'> & { stop(): Promise<void> }

/** The same in this process, where nobody kills it. */
async function served(environment: Record<string, string>): Promise<Served> {
  const config = readConfig({
    ADMIN_API_KEY: adminKey,
    PERSONAL_DATA_KEY: testKey.toString('base64'),
    PORT: String(await freePort()),
    LOG_LEVEL: 'silent',
    ...environment,
  })
  const { url, stop } = await serve(config)
  onTestFinished(stop)
  return { url, request: requestsAt(url), stop }
}

/** A sandbox in another process than the service: in this one. */
async function sandboxFor(webhookUrl: string | Promise<string>): Promise<Sandbox> {
  const file = join(await temporaryDirectory(), 'sandbox.db')
  const box = await startSandbox({ file, webhook: { url: webhookUrl, secret: webhookSecret } })
  onTestFinished(() => box.close())
  return box
}

const following = (box: Sandbox, database: TestDatabase, port: number) => ({
  PORT: String(port),
  DATABASE_URL: database.url,
  STRIPE_API_BASE: box.url,
  STRIPE_SECRET_KEY: 'sk_test_of_the_tests',
  STRIPE_WEBHOOK_SECRET: webhookSecret,
})
const webhooksOf = (port: number) => `http://127.0.0.1:${port}/api/v1/billing/webhooks`

function clientOf(url: string): Stripe {
  const { hostname: host, port } = new URL(url)
  return new Stripe('sk_test_of_the_tests', { host, port, protocol: 'http', telemetry: false })
}

const clockShape = z.object({ now: z.int(), dropped: z.array(z.string()).optional() })
const timeAt = async (url: string) =>
  clockShape.parse(await (await fetch(`${url}/_sandbox/clock`)).json()).now
async function move(url: string, seconds: number) {
  const body = JSON.stringify({ advance_seconds: seconds })
  const answer = await fetch(`${url}/_sandbox/clock`, { method: 'POST', body })
  expect(answer.status).toBe(200)
  return clockShape.parse(await answer.json())
}

/** An invoice that becomes final by itself an hour later, and a subscription that ends 23 hours later. */
async function makeThingsHappen(stripe: Stripe): Promise<void> {
  const card = {
    payment_method: 'pm_card_visa',
    invoice_settings: { default_payment_method: 'pm_card_visa' },
  }
  const payer = await stripe.customers.create(card)
  const { id: invoice } = await stripe.invoices.create({ customer: payer.id, auto_advance: true })
  await stripe.invoiceItems.create({ customer: payer.id, invoice, amount: 500, currency: 'usd' })
  const bad = 'pm_card_chargeCustomerFail'
  const other = await stripe.customers.create({
    payment_method: bad,
    invoice_settings: { default_payment_method: bad },
  })
  await stripe.subscriptions.create({ customer: other.id, items: [{ price: 'price_basic_monthly' }] })
}

async function startSession(
  service: Pick<ServiceProcess, 'request'>,
): Promise<{ id: string; expiresAt: string }> {
  const { status, body } = await service.request('POST', '/onboarding/start', applicant)
  expect(status).toBe(200)
  return { id: body.data.session_id, expiresAt: body.data.expires_at }
}

type Told = { type: string; at: string }

/** What has happened by itself, in the log's order. */
async function toldIn(database: Pick<TestDatabase, 'reader'>): Promise<Told[]> {
  const facts = await database.reader
    .selectFrom('billing_events')
    .select(['type', 'data', 'occurred_at as at'])
    .where('type', 'in', ['stripe.event_received', 'onboarding.expired'])
    .orderBy('position')
    .execute()
  return facts
    .map(({ type, data, at }) => ({ type: JSON.parse(data).event_type ?? type, at }))
    .filter(({ type }) => ['invoice.paid', 'invoice.voided', 'onboarding.expired'].includes(type))
}

const wholeSecond = (iso: string) => new Date(Math.ceil(Date.parse(iso) / 1000) * 1000).toISOString()

async function verified(database: TestDatabase): Promise<void> {
  const { code, stdout } = await runCli(['verify', '--json', '--database', database.url])
  expect(code, stdout).toBe(0)
}

describe.each([
  {
    name: 'its own sandbox, on SQLite',
    async world() {
      const database = await newDatabase(createSqlite)
      const [port, sandboxPort] = [String(await freePort()), String(await freePort())]
      const environment = { PORT: port, DATABASE_URL: database.url, STRIPE_SANDBOX_PORT: sandboxPort }
      return { environment, database, url: `http://127.0.0.1:${sandboxPort}` }
    },
  },
  {
    name: 'a sandbox in another process, on PostgreSQL',
    async world() {
      const database = await newDatabase(createPostgres)
      const port = await freePort()
      const box = await sandboxFor(webhooksOf(port))
      return { environment: following(box, database, port), database, url: box.url }
    },
  },
])('a service with $name', ({ world }) => {
  test('lets a session expire at its time, among what Stripe tells of, when time is moved by 31 days', async () => {
    const { environment, database, url } = await world()
    const service = await started(environment)
    const { id, expiresAt } = await startSession(service)
    await makeThingsHappen(clientOf(url))
    const from = await timeAt(url)
    expect(await move(url, 31 * day)).toEqual({ now: expect.any(Number), dropped: [] })
    const told = await toldIn(database)
    expect(told.map(({ type }) => type)).toEqual(['invoice.paid', 'invoice.voided', 'onboarding.expired'])
    expect(told.map(({ at }) => at).toSorted()).toEqual(told.map(({ at }) => at))
    expect(told[2]?.at.slice(0, 19)).toBe(wholeSecond(expiresAt).slice(0, 19))
    const { body } = await service.request('GET', `/onboarding/${id}`)
    expect(body.data.status).toBe('expired')
    // What comes next bears the time that the move has reached.
    const next = await startSession(service)
    const aheadSeconds = Date.parse(next.expiresAt) / 1000 - 72 * 3600 - from
    expect(aheadSeconds).toBeGreaterThanOrEqual(31 * day)
    expect(aheadSeconds).toBeLessThan(32 * day)
    await verified(database)
  })

  test('goes on from the played time after a restart, and with the moves', async () => {
    const { environment, url } = await world()
    const service = await started(environment)
    const from = await timeAt(url)
    await move(url, 40 * day)
    await service.kill('SIGKILL')
    const again = await started(environment)
    const { id, expiresAt } = await startSession(again)
    expect(Date.parse(expiresAt) / 1000).toBeGreaterThanOrEqual(from + 40 * day)
    await move(url, 4 * day)
    const { body } = await again.request('GET', `/onboarding/${id}`)
    expect(body.data.status).toBe('expired')
    expect(await move(url, day)).toEqual({ now: expect.any(Number), dropped: [] })
  })
})

test('two services go along with one sandbox', async () => {
  const port = await freePort()
  const box = await sandboxFor(webhooksOf(port))
  const sessions: { service: Pick<ServiceProcess, 'request'>; id: string }[] = []
  for (const [create, at] of [
    [createSqlite, port],
    [createPostgres, await freePort()],
  ] as const) {
    const database = await newDatabase(create)
    const service = await served(following(box, database, at))
    sessions.push({ service, id: (await startSession(service)).id })
  }
  expect(await move(box.url, 4 * day)).toEqual({ now: expect.any(Number), dropped: [] })
  for (const { service, id } of sessions)
    expect((await service.request('GET', `/onboarding/${id}`)).body.data.status).toBe('expired')
})

describe.each(eachDatabase)('on $name', ({ create }) => {
  test('a service that is killed in a move is dropped from it, and catches up when it starts', async () => {
    const database = await newDatabase(create)
    const port = await freePort()
    const box = await sandboxFor(webhooksOf(port))
    const environment = following(box, database, port)
    const service = await started(environment)
    const { id } = await startSession(service)
    await makeThingsHappen(clientOf(box.url))
    const from = await timeAt(box.url)
    // After the invoice has become final, and before the subscription and the session end.
    const leave = box.clock.follow('the killer', async (now) => {
      if (now >= from + 2 * 3600) await service.kill('SIGKILL')
      return now < from + 2 * 3600 ? from + 2 * 3600 : null
    })
    const { dropped } = await move(box.url, 6 * day)
    expect(dropped).toEqual([`http://127.0.0.1:${port}`])
    leave()
    expect((await toldIn(database)).map(({ type }) => type)).toEqual(['invoice.paid'])

    const again = await started(environment)
    await vi.waitFor(
      async () =>
        expect((await toldIn(database)).map(({ type }) => type).toSorted()).toEqual([
          'invoice.paid',
          'invoice.voided',
          'onboarding.expired',
        ]),
      { timeout: 20_000 },
    )
    expect((await again.request('GET', `/onboarding/${id}`)).body.data.status).toBe('expired')
    const ids = async () =>
      (await Array.fromAsync(clientOf(box.url).events.list({ limit: 100 }))).map(({ id: event }) => event)
    const taken = async () => {
      const rows = await database.reader.selectFrom('stripe_events').select('event_id').execute()
      return rows.map(({ event_id }) => event_id)
    }
    await vi.waitFor(async () => expect((await taken()).toSorted()).toEqual((await ids()).toSorted()), {
      timeout: 20_000,
    })
    expect(await move(box.url, day)).toEqual({ now: expect.any(Number), dropped: [] })
    await verified(database)
  })
})

describe('time is real', () => {
  test('where what answers at STRIPE_API_BASE is no sandbox', async () => {
    const port = await freePort()
    const box = await sandboxFor(webhooksOf(port))
    await box.clock.advanceTo(Math.floor(box.clock.nowMs() / 1000) + 90 * day)
    const proxy = await startHoldingProxy(() => box.url)
    onTestFinished(() => proxy.close())
    proxy.answer('GET', '/_sandbox/clock', 404, { error: { message: 'Unrecognized request URL' } })
    const database = await newDatabase(createSqlite)
    const service = await served({ ...following(box, database, port), STRIPE_API_BASE: proxy.url })
    const { expiresAt } = await startSession(service)
    expect(Date.parse(expiresAt)).toBeLessThan(Date.now() + 4 * day * 1000)
    expect((await service.request('GET', '/admin/sandbox/clock')).body.data).toMatchObject({
      is_sandbox: false,
    })
    const refused = await service.request('POST', '/admin/sandbox/clock', { advance_seconds: day })
    expect([refused.status, refused.body.error.code]).toEqual([404, 'not_found'])
    expect(await move(box.url, day)).toEqual({ now: expect.any(Number), dropped: [] })
  })

  test.each<[string, Record<string, string>]>([
    ['a test key of an account', { STRIPE_SECRET_KEY: 'sk_test_of_an_account' }],
    ['a base elsewhere', { STRIPE_API_BASE: 'https://stripe-proxy.example', STRIPE_SECRET_KEY: 'sk_test_x' }],
    ['Stripe switched off', { STRIPE_API_BASE: 'http://127.0.0.1:12111', STRIPE_ENABLED: 'false' }],
    ['live mode', { STRIPE_ENVIRONMENT: 'live', STRIPE_SECRET_KEY: 'sk_live_x' }],
  ])('with %s: nobody is asked for a clock', (_, environment) => {
    expect(sandboxBase(readConfig(environment))).toBeUndefined()
  })
})

test('the sandbox’s calls are taken at the address that only it was told', async () => {
  const database = await newDatabase(createSqlite)
  const port = await freePort()
  const box = await sandboxFor(webhooksOf(port))
  const service = await served(following(box, database, port))
  const call = (token: string) =>
    fetch(`${service.url}/sandbox-clock/${token}`, {
      method: 'POST',
      body: JSON.stringify({ now: 4_000_000_000 }),
    })
  for (const token of ['', 'guess', 'x'.repeat(43)]) expect((await call(token)).status).toBe(404)
  const { expiresAt } = await startSession(service)
  expect(Date.parse(expiresAt)).toBeLessThan(Date.now() + 4 * day * 1000)
})

test('a service that the sandbox cannot take yet starts, shows its key, and goes along once it is taken', async () => {
  const database = await newDatabase(createSqlite)
  const port = await freePort()
  const box = await sandboxFor(webhooksOf(port))
  const proxy = await startHoldingProxy(() => box.url)
  onTestFinished(() => proxy.close())
  proxy.answer('POST', '/_sandbox/clock/followers', 503, {})
  const config = readConfig({
    PERSONAL_DATA_KEY: testKey.toString('base64'),
    LOG_LEVEL: 'silent',
    ...following(box, database, port),
    STRIPE_API_BASE: proxy.url,
  })
  const service = await serve(config)
  onTestFinished(service.stop)
  const key = service.newAdminKey ?? expect.fail('nobody sees a key')
  const request: SendRequest = (method, path, body) => requestsAt(service.url)(method, path, body, { key })
  const { id } = await startSession({ request })
  await vi.waitFor(
    async () => {
      await move(box.url, 4 * day)
      expect((await request('GET', `/onboarding/${id}`)).body.data.status).toBe('expired')
    },
    { timeout: 10_000 },
  )
})

test.each([
  ['127.0.0.1', 'http://127.0.0.1:3000'],
  ['0.0.0.0', 'http://127.0.0.1:3000'],
  ['::', 'http://127.0.0.1:3000'],
  ['::1', 'http://[::1]:3000'],
  ['localhost', 'http://localhost:3000'],
  ['192.0.2.1', 'http://192.0.2.1:3000'],
])('a service that listens on %s calls itself %s', (host, origin) => {
  expect(ownOrigin({ host }, 3000)).toBe(origin)
})

test('a service that ends in a move of its sandbox ends the move first: no instant is played without it', async () => {
  const database = await newDatabase(createSqlite)
  const sandboxPort = await freePort()
  const service = await served({ DATABASE_URL: database.url, STRIPE_SANDBOX_PORT: String(sandboxPort) })
  const box = { url: `http://127.0.0.1:${sandboxPort}` }
  const from = await timeAt(box.url)
  let ended: Promise<void> | undefined
  const late: number[] = []
  const other = await listener((body) => {
    const { now }: { now: number } = JSON.parse(body)
    if (ended !== undefined) late.push(now)
    else if (now > from + day) ended = service.stop()
    return { body: { next_due: now + 3600 } }
  })
  await post(box, '/_sandbox/clock/followers', { url: other.url })
  const moved = service.request('POST', '/admin/sandbox/clock', { advance_seconds: 900 * day })
  expect(await moved).toMatchObject({ status: 503, body: { error: { code: 'stripe_unavailable' } } })
  await ended
  expect(ended).toBeDefined()
  expect(late).toEqual([])
})

test('a call with a time after the year 9999 is refused, and leaves the clock as it is', async () => {
  const database = await newDatabase(createSqlite)
  const port = await freePort()
  let address = ''
  const box = await listener((body) => {
    address ||= z.object({ url: z.string().default('') }).parse(JSON.parse(body || '{}')).url
    return { body: { now: Math.floor(Date.now() / 1000) } }
  })
  const service = await served({
    PORT: String(port),
    DATABASE_URL: database.url,
    STRIPE_API_BASE: new URL(box.url).origin,
    STRIPE_SECRET_KEY: 'sk_test_of_the_tests',
  })
  for (const now of [253_402_300_800, Number.MAX_SAFE_INTEGER]) {
    const answer = await fetch(address, { method: 'POST', body: JSON.stringify({ now }) })
    expect(answer.status).toBe(422)
  }
  const clock = await service.request('GET', '/admin/sandbox/clock')
  expect(Date.parse(clock.body.data.now)).toBeLessThan(Date.now() + day * 1000)
})

test('a move whose answer is lost is waited for to its end', async () => {
  const box = await sandboxFor('http://127.0.0.1:1/')
  let isLost = true
  const server = createServer((request, response) => {
    if (request.method === 'POST') {
      if (!isLost) void box.clock.advanceTo(target).catch(() => {})
      setTimeout(() => request.socket.destroy(), 100)
      return
    }
    const { nowMs, isPlaying } = box.clock
    response.end(JSON.stringify({ now: Math.floor(nowMs() / 1000), is_playing: isPlaying() }))
  }).listen(0, '127.0.0.1')
  onTestFinished(() => void server.close())
  await once(server, 'listening')
  const { port } = z.object({ port: z.int() }).parse(server.address())
  const instants: number[] = []
  box.clock.follow('slow', async (now) => {
    await sleep(300)
    instants.push(now)
    return now + 10 * day
  })
  const target = Math.floor(box.clock.nowMs() / 1000) + 31 * day
  const clock = await distantClock(`http://127.0.0.1:${port}`)
  await expect(clock?.advanceTo(target)).rejects.toThrow('does not answer')
  isLost = false
  expect(await clock?.advanceTo(target)).toMatchObject({ now: target })
  expect(instants.at(-1)).toBe(target)
})

test('an operator moves the clock over HTTP, and reads how far it is', async () => {
  const database = await newDatabase(createSqlite)
  const service = await served({ DATABASE_URL: database.url, STRIPE_SANDBOX_PORT: '0' })
  const clock = async () => (await service.request('GET', '/admin/sandbox/clock')).body.data
  const before = await clock()
  expect(before).toMatchObject({ is_sandbox: true, is_playing: false, next_invoice_at: null })
  const moved = await service.request('POST', '/admin/sandbox/clock', { advance_seconds: day })
  expect(moved).toMatchObject({ status: 200, body: { data: { dropped: [] } } })
  expect(Date.parse(moved.body.data.now)).toBeGreaterThanOrEqual(Date.parse(before.now) + (day - 1) * 1000)
  expect(Date.parse((await clock()).now)).toBeGreaterThanOrEqual(Date.parse(moved.body.data.now))
  const refusals = [
    [{ now: '2020-01-01T00:00:00Z' }, 422],
    [{ to: 'next_invoice' }, 409],
    [{ advance_seconds: 60, to: 'next_invoice' }, 422],
    [{}, 422],
  ] as const
  for (const [body, status] of refusals)
    expect(await service.request('POST', '/admin/sandbox/clock', body), JSON.stringify(body)).toMatchObject({
      status,
    })
})
