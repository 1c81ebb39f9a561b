import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { Hono } from 'hono'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import {
  claimedTenant,
  type RecordedBatch,
  type UsageTracking,
  type UsageTrackingOptions,
  usageTracking,
} from '../../src/usage/tracking.ts'

let dir: string
let errors: unknown[]
let stored: RecordedBatch[]
let trackings: UsageTracking[]

beforeEach(() => {
  dir = fs.mkdtempSync(join(tmpdir(), 'tracking-'))
  errors = []
  stored = []
  trackings = []
})
afterEach(async () => {
  await Promise.allSettled(trackings.map((tracking) => tracking.close()))
  fs.rmSync(dir, { recursive: true })
})

const store = async (batches: RecordedBatch[]) => {
  for (const batch of batches) {
    if (!stored.some(({ idempotencyKey }) => idempotencyKey === batch.idempotencyKey)) stored.push(batch)
  }
}
const totals = () => {
  const sums: Record<string, number> = {}
  for (const { tenantId, quantity } of stored) sums[tenantId] = (sums[tenantId] ?? 0) + quantity
  return sums
}

/** An app whose key is the tenant: `call('a')` is a request that tenant a is proven to have made. */
function build(options: Partial<UsageTrackingOptions> = {}) {
  const tracking = usageTracking({
    record: store,
    tenantOf: (c) => c.get('tenantId'),
    onError: (error) => errors.push(error),
    ...options,
  })
  trackings.push(tracking)
  const app = new Hono<{ Variables: { tenantId: string } }>()
  app.onError((_error, c) => c.text('failed', 500))
  app.use(tracking)
  app.use(async (c, next) => {
    const key = c.req.header('X-API-Key')
    if (!key) return c.text('unauthenticated', 401)
    c.set('tenantId', key)
    await next()
  })
  app.get('/throws', () => {
    throw new Error('a defect')
  })
  app.get('/status/:status', (c) => new Response(null, { status: Number(c.req.param('status')) }))
  app.get('/throttled', (c) => c.text('', 429))
  for (const path of [
    '/cases',
    '/health',
    '/health/live',
    '/healthcare',
    '/metrics',
    '/docs/a',
    '/openapi.json',
  ]) {
    app.get(path, (c) => c.text('ok'))
  }
  const call = async (tenantId: string, path = '/cases', headers: Record<string, string> = {}) =>
    (await app.request(path, { headers: { ...(tenantId && { 'X-API-Key': tenantId }), ...headers } })).status
  const calls = async (tenantId: string, times: number) => {
    for (let i = 0; i < times; i += 1) await call(tenantId)
  }
  return { tracking, call, calls }
}

describe('what counts', () => {
  test('the tenant of the key counts, whatever tenant the query or a header claims', async () => {
    const { tracking, call } = build()
    await call('a', '/cases?tenant_id=victim', { 'X-Tenant-Id': 'victim' })
    await tracking.flush()
    expect(totals()).toEqual({ a: 1 })
  })

  test('calls answered below 500 count, refusals too; our failures and calls without a key do not', async () => {
    const { tracking, call } = build()
    const statuses = []
    for (const path of ['/cases', '/status/204', '/status/302', '/throttled', '/nowhere']) {
      statuses.push(await call('counted', path))
    }
    for (const path of ['/throws', '/status/500', '/status/503']) statuses.push(await call('free', path))
    statuses.push(await call('', '/cases'))
    expect(statuses).toEqual([200, 204, 302, 429, 404, 500, 500, 503, 401])
    await tracking.flush()
    expect(totals()).toEqual({ counted: 5 })
  })

  test('health checks, metrics and documentation do not count, and an app can choose its own paths', async () => {
    const { tracking, call } = build()
    for (const path of ['/health', '/health/live', '/metrics', '/docs/a', '/openapi.json', '/healthcare']) {
      expect(await call('a', path)).toBe(200)
    }
    await tracking.flush()
    expect(totals(), '/healthcare alone').toEqual({ a: 1 })
    const own = build({ exclude: (path) => path === '/cases' })
    await own.call('b')
    await own.call('b', '/health')
    await own.tracking.flush()
    expect(totals()).toEqual({ a: 1, b: 1 })
  })

  test('a claimed tenant is read from query, header, parameter and path, in this order', async () => {
    const app = new Hono()
    const seen: (string | null)[] = []
    app.use(async (c, next) => {
      await next()
      seen.push(claimedTenant(c))
    })
    app.get('/by/:tenant_id', (c) => c.text('ok'))
    const headers = { 'X-Tenant-Id': 'header' }
    await app.request('/by/parameter?tenant_id=query', { headers })
    await app.request('/by/parameter', { headers })
    await app.request('/by/parameter')
    await app.request('/usage/tenant/pa%20th/summary')
    for (const path of ['/cases', '/tenant/', `/cases?tenant_id=${'x'.repeat(129)}`]) await app.request(path)
    expect(seen).toEqual(['query', 'header', 'parameter', 'pa th', null, null, null])
  })

  test('switched off, requests pass, nothing is counted and no file appears', async () => {
    const { tracking, call } = build({ enabled: false, journal: join(dir, 'journal') })
    expect(await call('a')).toBe(200)
    await tracking.flush()
    await tracking.close()
    expect(stored).toEqual([])
    expect(fs.readdirSync(dir)).toEqual([])
  })
})

describe('when it is recorded', () => {
  test("a tenant's hundredth call records its hundred, and nobody else's", async () => {
    let clock = Date.UTC(2024, 0, 31, 23, 59, 59, 900)
    const { calls } = build({ now: () => clock++ })
    await calls('b', 50)
    await calls('a', 99)
    await sleep(5)
    expect(stored).toEqual([])
    await calls('a', 1)
    await vi.waitFor(() => expect(stored).toHaveLength(1))
    expect(stored).toEqual([
      {
        tenantId: 'a',
        quantity: 100,
        idempotencyKey: expect.stringMatching(/^[\w-]{20,}$/),
        occurredAt: '2024-02-01T00:00:00.049Z',
      },
    ])
  })

  test('the timer records what has not reached the batch size', async () => {
    const { calls } = build({ flushIntervalMs: 10 })
    await calls('a', 2)
    await vi.waitFor(() => expect(totals()).toEqual({ a: 2 }))
  })

  test('each flush has keys of its own, also after a restart', async () => {
    const journal = join(dir, 'journal')
    for (let run = 0; run < 2; run += 1) {
      const { tracking, calls } = build({ journal })
      for (let flush = 0; flush < 3; flush += 1) {
        await calls('a', 1)
        await tracking.flush()
      }
      await tracking.close()
    }
    expect(new Set(stored.map(({ idempotencyKey }) => idempotencyKey)).size).toBe(6)
  })

  test('close records the rest, waits for a record under way, and frees the journal', async () => {
    const journal = join(dir, 'journal')
    const slow = async (batches: RecordedBatch[]) => {
      await sleep(20)
      await store(batches)
    }
    const { tracking, call, calls } = build({ journal, batchSize: 5, record: slow })
    await calls('a', 7)
    await Promise.all([tracking.close(), tracking.close()])
    expect(totals()).toEqual({ a: 7 })
    expect(fs.readFileSync(journal, 'utf8')).toBe('')
    expect(fs.readdirSync(dir)).toEqual(['journal'])
    expect(await call('a'), 'a late call is served').toBe(200)
    await call('a')
    expect(errors.map(String)).toEqual([expect.stringContaining('after close()')])
  })
})

describe('a request is never held up', () => {
  test('by a record() that does not answer', async () => {
    const { promise: answer, resolve } = Promise.withResolvers<void>()
    let asked = 0
    const record = () => {
      asked += 1
      return answer
    }
    const { call } = build({ batchSize: 1, record })
    for (let i = 0; i < 20; i += 1) expect(await call('a')).toBe(200)
    await vi.waitFor(() => expect(asked).toBe(1))
    expect(await call('a')).toBe(200)
    resolve()
  })

  test('by an error in tenantOf, exclude or onError itself', async () => {
    const broken = () => {
      throw new Error('broken')
    }
    expect(await build({ tenantOf: broken }).call('a')).toBe(200)
    expect(await build({ exclude: broken }).call('a')).toBe(200)
    expect(errors.map(String)).toEqual(['Error: broken', 'Error: broken'])
    const warnings: unknown[] = []
    const listen = (warning: unknown) => warnings.push(warning)
    process.on('warning', listen)
    expect(await build({ tenantOf: broken, onError: broken }).call('a')).toBe(200)
    await vi.waitFor(() => expect(warnings.map(String)).toContain('Error: broken'))
    process.off('warning', listen)
  })

  test('the count is in the journal before the response leaves', async () => {
    const journal = join(dir, 'journal')
    const tracking = usageTracking({ record: store, tenantOf: () => 'a', journal })
    trackings.push(tracking)
    const app = new Hono()
    const found: boolean[] = []
    app.use(async (_c, next) => {
      await next()
      found.push(fs.readFileSync(journal, 'utf8').includes(`,"a",${found.length + 1},`))
    })
    app.use(tracking)
    app.get('/', (c) => c.text('ok'))
    for (let i = 0; i < 3; i += 1) await app.request('/')
    expect(found).toEqual([true, true, true])
  })
})

describe('a record() that fails', () => {
  test('keeps the counts: the same batch again under the same key, new calls under another', async () => {
    const seen: RecordedBatch[][] = []
    const answerLost = async (batches: RecordedBatch[]) => {
      seen.push(batches)
      await store(batches)
      if (seen.length === 1) throw new Error('connection reset')
    }
    const { tracking, calls } = build({ record: answerLost })
    await calls('a', 3)
    await expect(tracking.flush()).rejects.toThrow('3 API calls could not be recorded')
    await calls('a', 2)
    await tracking.flush()
    expect(seen[1]).toEqual([{ ...seen[0]?.[0] }, expect.objectContaining({ quantity: 2 })].toReversed())
    expect(totals()).toEqual({ a: 5 })
    expect(errors.map(String)).toEqual(['Error: connection reset'])
  })

  test("for one tenant does not hold up the others', and is tried again by the timer", async () => {
    let healed = false
    const strict = async (batches: RecordedBatch[]) => {
      if (!healed && batches.some(({ tenantId }) => tenantId.startsWith('bad')))
        throw new Error('no such tenant')
      await store(batches)
    }
    const { tracking, call } = build({ record: strict, flushIntervalMs: 20 })
    for (const tenantId of ['bad1', 'bad2', 'a', 'bad3', 'bad4', 'b']) await call(tenantId)
    await tracking.flush().catch(() => {})
    await vi.waitFor(() => expect(totals()).toEqual({ a: 1, b: 1 }))
    healed = true
    await vi.waitFor(() => expect(Object.keys(totals())).toHaveLength(6))
  })

  test('in an outage is not asked for every batch, and batches grow instead of multiplying', async () => {
    let down = true
    let attempts = 0
    const record = async (batches: RecordedBatch[]) => {
      attempts += 1
      if (down) throw new Error('down')
      await store(batches)
    }
    const { tracking, calls } = build({ record, batchSize: 10 })
    for (let tenant = 0; tenant < 20; tenant += 1) await calls(`t${tenant}`, 9)
    await expect(tracking.flush()).rejects.toThrow('180 API calls')
    expect(attempts).toBe(4)
    await calls('t0', 100)
    await sleep(5)
    expect(attempts).toBe(4)
    down = false
    await tracking.flush()
    expect(stored).toHaveLength(21)
    expect(totals()).toMatchObject({ t0: 109, t19: 9 })
  })

  test('reports to each of two flushes at once that the calls are not recorded', async () => {
    const { tracking, calls } = build({ record: () => Promise.reject(new Error('down')) })
    await calls('a', 2)
    const outcomes = await Promise.allSettled([tracking.flush(), tracking.flush()])
    expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected'])
  })

  test('at close leaves the calls to the next process under the same key', async () => {
    const journal = join(dir, 'journal')
    const tried: RecordedBatch[] = []
    const refuse = async (batches: RecordedBatch[]) => {
      tried.push(...batches)
      throw new Error('down')
    }
    const first = build({ journal, record: refuse })
    await first.calls('a', 3)
    await expect(first.tracking.close()).rejects.toThrow('kept in the journal')
    build({ journal })
    await vi.waitFor(() => expect(stored).toEqual(tried))
  })
})

test('a batch size or an interval that cannot work is refused at the start', () => {
  for (const options of [
    { batchSize: 0 },
    { batchSize: 1.5 },
    { flushIntervalMs: 0 },
    { flushIntervalMs: 2 ** 31 },
  ]) {
    expect(() => build(options)).toThrow(/batchSize|flushIntervalMs/)
  }
})

/** A server of its own: `die` is where it kills itself, at its 10th call or at its first record. */
const program = `
  import { openSync, writeSync } from 'node:fs'
  import { setTimeout as sleep } from 'node:timers/promises'
  import { serve } from '@hono/node-server'
  import { Hono } from 'hono'
  import { usageTracking } from './src/usage/tracking.ts'
  const { dir, die, batchSize, flushIntervalMs, lostAnswers } = JSON.parse(process.argv[1])
  const log = (name) => { const fd = openSync(dir + '/' + name, 'a'); return (text) => writeSync(fd, text) }
  const [counting, recorded] = [log('counting'), log('recorded')]
  recorded('\\n')
  const kill = (point) => { if (die === point) process.kill(process.pid, 'SIGKILL') }
  const tracking = usageTracking({
    journal: dir + '/journal', batchSize, flushIntervalMs,
    tenantOf: (c) => c.req.header('X-Tenant-Id'),
    now: () => { counting('.'); return Date.now() },
    onError: (error) => { if (error.message !== 'answer lost') console.error(error) },
    record: async (batches) => {
      kill('before record')
      await sleep(Math.random() * 4)
      for (const batch of batches) recorded(JSON.stringify(batch) + '\\n')
      kill('after record')
      await sleep(Math.random() * 4)
      if (Math.random() < lostAnswers) throw new Error('answer lost')
    },
  })
  let calls = 0
  const app = new Hono()
  app.use(async (c, next) => { await next(); calls += 1; if (calls === 10) kill('between count and response') })
  app.use(tracking)
  app.get('/', async (c) => { await sleep(Math.random() * 3); return c.text('ok') })
  const server = serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' }, ({ port }) => console.log(port))
  process.on('SIGTERM', () => {
    server.close(async () => { await tracking.close(); process.exit(0) })
    setInterval(() => server.closeIdleConnections(), 5)
  })`

type Setting = { die?: string; batchSize?: number; flushIntervalMs?: number; lostAnswers?: number }
const children: ChildProcess[] = []

async function startServer(setting: Setting = {}) {
  const argument = JSON.stringify({
    dir,
    batchSize: 100,
    flushIntervalMs: 60_000,
    lostAnswers: 0,
    ...setting,
  })
  const child = spawn(process.execPath, ['--input-type=module', '-e', program, argument], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  children.push(child)
  const ended = once(child, 'exit') as Promise<[number | null, string | null]>
  const [port] = await once(createInterface({ input: child.stdout }), 'line')
  /** True when the whole response arrived. */
  const call = (tenantId: string) =>
    fetch(`http://127.0.0.1:${port}/`, { headers: { 'X-Tenant-Id': tenantId } })
      .then(async (response) => (await response.text()) === 'ok')
      .catch(() => false)
  const stop = (signal: 'SIGKILL' | 'SIGTERM') => {
    child.kill(signal)
    return ended
  }
  return { call, stop, ended }
}

/** The recorded quantity per tenant, each key once. A line torn by a kill was not stored. */
function recordedTotals() {
  const batches = new Map<string, RecordedBatch>()
  for (const line of fs.readFileSync(join(dir, 'recorded'), 'utf8').split('\n')) {
    if (!line.endsWith('}')) continue
    const batch: RecordedBatch = JSON.parse(line)
    expect(batches.get(batch.idempotencyKey) ?? batch, 'a key has one content').toEqual(batch)
    batches.set(batch.idempotencyKey, batch)
  }
  stored = [...batches.values()]
  return totals()
}

describe('kill -9', () => {
  afterEach(() => {
    for (const child of children.splice(0)) child.kill('SIGKILL')
  })

  test.each([
    ['between count and response', 9, 10],
    ['before record', 19, 20],
    ['after record', 19, 20],
  ])('%s: every call is recorded exactly once after a restart', async (die, leastAnswered, expected) => {
    const first = await startServer({ die, batchSize: 20 })
    let answered = 0
    for (let i = 0; i < 20; i += 1) answered += Number(await first.call('a'))
    expect((await first.ended)[1]).toBe('SIGKILL')
    // The kill at record() comes in the turn after the 20th count: its response may be out or not.
    expect(answered).toBeGreaterThanOrEqual(leastAnswered)
    expect(answered).toBeLessThan(leastAnswered + (expected === 20 ? 2 : 1))
    const second = await startServer()
    expect(await second.stop('SIGTERM')).toEqual([0, null])
    expect(recordedTotals()).toEqual({ a: expected })
  })

  test('at a quiet moment: the sum is exactly the calls answered, tenant by tenant', async () => {
    const answered: Record<string, number> = {}
    for (const [round, count] of [37, 5, 112].entries()) {
      const server = await startServer({ batchSize: 20 })
      const tenants = Array.from({ length: count }, (_, i) => `t${(i * 7 + round) % 3}`)
      await Promise.all(
        tenants.map(async (tenantId) => {
          expect(await server.call(tenantId)).toBe(true)
          answered[tenantId] = (answered[tenantId] ?? 0) + 1
        }),
      )
      await server.stop('SIGKILL')
    }
    const last = await startServer()
    expect(await last.stop('SIGTERM')).toEqual([0, null])
    expect(recordedTotals()).toEqual(answered)
  })

  test('at random moments under load: no answered call is lost, none is recorded twice', async () => {
    const kills = 6
    const sent: Record<string, number> = {}
    const answered: Record<string, number> = {}
    for (let round = 0; round < kills; round += 1) {
      const server = await startServer({ batchSize: 7, flushIntervalMs: 15, lostAnswers: 0.2 })
      let running = true
      const load = Array.from({ length: 8 }, async (_, i) => {
        const tenantId = `t${i % 3}`
        while (running) {
          sent[tenantId] = (sent[tenantId] ?? 0) + 1
          if (await server.call(tenantId)) answered[tenantId] = (answered[tenantId] ?? 0) + 1
        }
      })
      const counting = () => fs.statSync(join(dir, 'counting'), { throwIfNoEntry: false })?.size ?? 0
      const enough = counting() + 20
      while (counting() < enough) await sleep(5)
      await sleep(Math.random() * 200)
      await server.stop('SIGKILL')
      running = false
      await Promise.all(load)
    }
    const last = await startServer()
    expect(await last.stop('SIGTERM')).toEqual([0, null])
    const recorded = recordedTotals()
    for (const tenantId of ['t0', 't1', 't2']) {
      expect(recorded[tenantId]).toBeGreaterThanOrEqual(answered[tenantId] ?? 0)
      expect(recorded[tenantId]).toBeLessThanOrEqual(sent[tenantId] ?? 0)
    }
    // The server's own tally, a byte in the instant before each count: a kill can part one of them from its count.
    const counted = fs.statSync(join(dir, 'counting')).size
    const total = Object.values(recorded).reduce((sum, quantity) => sum + quantity, 0)
    expect(counted).toBeGreaterThan(100)
    expect(total).toBeGreaterThanOrEqual(counted - kills)
    expect(total).toBeLessThanOrEqual(counted)
  })

  test('SIGTERM under load: exit 0, and the sum is exactly the calls counted', async () => {
    const server = await startServer({ batchSize: 7 })
    const load = Array.from({ length: 60 }, (_, i) => server.call(`t${i % 3}`))
    await Promise.all(load.slice(0, 10))
    expect(await server.stop('SIGTERM')).toEqual([0, null])
    const answered = (await Promise.all(load)).filter(Boolean).length
    const total = Object.values(recordedTotals()).reduce((sum, quantity) => sum + quantity, 0)
    expect(total).toBe(fs.statSync(join(dir, 'counting')).size)
    expect(total).toBe(answered)
    expect(fs.readFileSync(join(dir, 'journal'), 'utf8')).toBe('')
  })
})
