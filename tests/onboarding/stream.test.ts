import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { readConfig } from '../../src/config.ts'
import { createLog } from '../../src/logging/log-output.ts'
import { serve } from '../../src/main.ts'
import { adminKey } from '../support/requests.ts'
import { type Service, startService } from '../support/service.ts'
import { applicant, settled, wizard } from '../support/wizard.ts'

let service: Service
beforeAll(async () => {
  service = await startService({ webhooks: true })
})
afterAll(() => service.close())

type Message = { id: number; event: string; data: { position: number; status: string; session_id: string } }

/** Server-sent events over a socket, as a browser reads them. */
async function open(
  url: string,
  sessionId: string,
  { lastEventId, key = adminKey }: { lastEventId?: number | string; key?: string } = {},
) {
  const leaving = new AbortController()
  onTestFinished(() => leaving.abort())
  const response = await fetch(`${url}/api/v1/onboarding/${sessionId}/stream`, {
    headers: { 'X-API-Key': key, ...(lastEventId !== undefined && { 'Last-Event-ID': String(lastEventId) }) },
    signal: leaving.signal,
  })
  const messages: Message[] = []
  const ended = (async () => {
    let text = ''
    for await (const chunk of response.body ?? []) {
      text += Buffer.from(chunk).toString()
      const whole = text.split('\n\n')
      text = whole.pop() ?? ''
      for (const message of whole) if (!message.startsWith(':')) messages.push(parse(message))
    }
  })()
  ended.catch(() => {})
  const until = (count: number) => expect.poll(() => messages.length, { timeout: 5000 }).toBe(count)
  return { response, messages, ended, until, leave: () => leaving.abort() }
}

function parse(message: string): Message {
  const fields = new Map(
    message.split('\n').map((line) => {
      const colon = line.indexOf(': ')
      return [line.slice(0, colon), line.slice(colon + 2)]
    }),
  )
  return {
    id: Number(fields.get('id')),
    event: fields.get('event') ?? '',
    data: JSON.parse(fields.get('data') ?? ''),
  }
}

async function factsOf(sessionId: string): Promise<{ id: number; event: string }[]> {
  const rows = await service.context.db.reader
    .selectFrom('billing_events')
    .select(['position', 'type'])
    .where('stream', '=', `onboarding-${sessionId}`)
    .orderBy('position')
    .execute()
  return rows.map(({ position, type }) => ({ id: position, event: type }))
}
const named = (messages: Message[]) => messages.map(({ id, event }) => ({ id, event }))

test('there is one event per change, its id is the position, its data the whole position, and it ends with the session', async () => {
  const tenant = wizard(service)
  await tenant.start()
  const stream = await open(service.url ?? '', tenant.of.sessionId)
  expect(stream.response.status).toBe(200)
  expect(stream.response.headers.get('Content-Type')).toContain('text/event-stream')
  await stream.until(1)
  await tenant.createCustomer()
  await tenant.setupPayment()
  await tenant.confirmCard()
  await settled(service)
  await tenant.selectPlan()
  await tenant.createSubscription()
  await tenant.complete()
  await stream.ended
  expect(named(stream.messages)).toEqual(await factsOf(tenant.of.sessionId))
  for (const { id, data } of stream.messages) {
    expect(data.position).toBe(id)
    expect(data.session_id).toBe(tenant.of.sessionId)
  }
  expect(stream.messages.at(-1)?.data).toEqual(
    Object.fromEntries(
      Object.entries((await tenant.show()).body.data).filter(
        ([name]) => !['publishable_key', 'applicant'].includes(name),
      ),
    ),
  )
  expect(JSON.stringify(stream.messages)).not.toMatch(/_secret_|sls_/)
})

test('without Last-Event-ID it begins where the session stands', async () => {
  const tenant = wizard(service)
  await tenant.to('setupPayment')
  const stream = await open(service.url ?? '', tenant.of.sessionId)
  await stream.until(1)
  expect(stream.messages[0]?.data.status).toBe('payment_setup')
  expect(named(stream.messages)).toEqual((await factsOf(tenant.of.sessionId)).slice(-1))
})

test('broken off at every event and resumed, nothing is missing and nothing comes twice', async () => {
  const tenant = wizard(service)
  await tenant.to('start')
  const seen: Message[] = []
  let lastEventId = 0
  const steps = [tenant.createCustomer, tenant.setupPayment, tenant.cancel] as (() => Promise<unknown>)[]
  for (const step of steps) {
    const stream = await open(service.url ?? '', tenant.of.sessionId, { lastEventId })
    await step()
    await expect.poll(() => stream.messages.length, { timeout: 5000 }).toBeGreaterThan(0)
    stream.leave()
    const kept = stream.messages.slice(0, 1)
    seen.push(...kept)
    lastEventId = kept[0]?.id ?? lastEventId
  }
  const rest = await open(service.url ?? '', tenant.of.sessionId, { lastEventId })
  await rest.ended
  expect(named([...seen, ...rest.messages])).toEqual(await factsOf(tenant.of.sessionId))

  const over = await open(service.url ?? '', tenant.of.sessionId, {
    lastEventId: rest.messages.at(-1)?.id ?? 0,
  })
  expect(over.response.status).toBe(204)
  const garbage = await open(service.url ?? '', tenant.of.sessionId, { lastEventId: 'garbage' })
  expect(garbage.response.status).toBe(422)
})

test('a change that another instance made is told too', async () => {
  const tenant = wizard(service)
  await tenant.start()
  const stream = await open(service.url ?? '', tenant.of.sessionId)
  await stream.until(1)
  const other = await startService({
    directory: service.directory,
    sandbox: service.sandbox,
    catalogue: false,
  })
  await wizardOf(other, tenant.of.sessionId).cancel()
  await stream.ended
  expect(stream.messages.at(-1)?.event).toBe('onboarding.cancelled')
  await other.close()
})

test("another session's token and another tenant's key find nothing; no key gets in nowhere", async () => {
  const mine = wizard(service)
  const theirs = wizard(service)
  await mine.start()
  await theirs.start()
  const statusWith = async (key: string) =>
    (await open(service.url ?? '', theirs.of.sessionId, { key })).response.status
  expect(await statusWith(mine.of.token)).toBe(404)
  expect(await statusWith(await service.tenantKey(mine.of.tenantId))).toBe(404)
  expect(await statusWith('nobody')).toBe(401)
  expect(await statusWith(theirs.of.token)).toBe(200)
})

test('a reader who leaves stops no other, and leaves nothing behind', async () => {
  const tenant = wizard(service)
  await tenant.start()
  const leaving = await open(service.url ?? '', tenant.of.sessionId)
  const staying = await open(service.url ?? '', tenant.of.sessionId)
  await leaving.until(1)
  await staying.until(1)
  leaving.leave()
  await tenant.cancel()
  await staying.ended
  expect(staying.messages.at(-1)?.event).toBe('onboarding.cancelled')
  expect(leaving.messages).toHaveLength(1)
})

test('a service that stops ends its streams', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'stream-'))
  onTestFinished(() => rm(directory, { recursive: true, force: true }))
  const config = readConfig({
    PORT: '0',
    STRIPE_SANDBOX_PORT: '0',
    DATABASE_URL: `file:${join(directory, 'test.db')}`,
    ADMIN_API_KEY: adminKey,
  })
  const running = await serve(config, createLog({ level: 'silent' }))
  const started = await fetch(`${running.url}/api/v1/onboarding/start`, {
    method: 'POST',
    headers: { 'X-API-Key': adminKey },
    body: JSON.stringify(applicant),
  })
  const { data } = (await started.json()) as { data: { session_id: string } }
  const stream = await open(running.url, data.session_id)
  await stream.until(1)
  await running.stop()
  await stream.ended
  expect(stream.messages).toHaveLength(1)
})

function wizardOf(other: Service, sessionId: string) {
  const tenant = wizard(other)
  tenant.of.sessionId = sessionId
  return tenant
}
