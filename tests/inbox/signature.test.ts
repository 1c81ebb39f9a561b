import { afterAll, beforeAll, expect, test } from 'vitest'
import { sign } from '../../src/stripe-sandbox/delivery/webhooks.ts'
import { type Service, startService } from '../support/service.ts'
import { deliver, eventOf, post, signingSecret } from '../support/webhooks.ts'

const clock = { nowMs: Date.parse('2026-11-02T09:00:00.000Z') }
const rolled = 'whsec_the_one_that_is_rolled_in'
let service: Service

beforeAll(async () => {
  service = await startService({
    clock,
    catalogue: false,
    environment: { STRIPE_WEBHOOK_SECRET: `${signingSecret},${rolled}` },
  })
})
afterAll(() => service.close())

const event = () => eventOf('customer.created', { id: 'cus_1', object: 'customer', metadata: {} })
const stored = async () => {
  const { reader } = service.context.db
  const inLog = await reader.selectFrom('billing_events').select('fact_id').execute()
  return inLog.length
}

test('an event signed with either of two secrets is taken, and answered with {"received": true}', async () => {
  for (const secret of [signingSecret, rolled])
    expect(await deliver(service, event(), { secret })).toMatchObject({
      status: 200,
      body: { received: true },
    })
  const payload = JSON.stringify(event())
  const both = `${sign(payload, 'whsec_old', clock.nowMs)},${sign(payload, rolled, clock.nowMs).split(',')[1]}`
  expect(await post(service.app, payload, both)).toMatchObject({ status: 200 })
})

test('a bad signature is refused, and nothing is stored', async () => {
  const before = await stored()
  const payload = JSON.stringify(event())
  const good = sign(payload, signingSecret, clock.nowMs)
  for (const [body, signature] of [
    [payload, undefined],
    [payload, ''],
    [payload, 'garbage'],
    [payload, `t=${clock.nowMs / 1000}`],
    [payload, sign(payload, 'whsec_of_somebody_else', clock.nowMs)],
    [payload, good.replace('v1=', 'v0=')],
    [payload, good.replace(/t=\d+/, 't=')],
    [payload.replace('cus_1', 'cus_2'), good],
    [` ${payload}`, good],
  ] as const)
    expect(await post(service.app, body, signature), String(signature)).toMatchObject({
      status: 400,
      body: { success: false, error: { code: 'invalid_signature' } },
    })
  expect(await stored()).toBe(before)
})

test('a signature is good for 300 seconds, into the past and into the future', async () => {
  for (const [seconds, status] of [
    [-300, 200],
    [-301, 400],
    [300, 200],
    [301, 400],
    [-86_400, 400],
    [86_400, 400],
  ] as const)
    expect(
      await deliver(service, event(), { at: clock.nowMs + seconds * 1000 }),
      `${seconds} s`,
    ).toMatchObject({ status })
})

test('an old signature gains nothing from a second timestamp', async () => {
  const payload = JSON.stringify(event())
  const old = sign(payload, signingSecret, clock.nowMs - 3_600_000)
  const now = `t=${clock.nowMs / 1000}`
  for (const signature of [`${now},${old}`, `${old},${now}`])
    expect(await post(service.app, payload, signature)).toMatchObject({ status: 400 })
})

test('what is signed and is no event is refused as malformed', async () => {
  const before = await stored()
  for (const payload of [
    'no JSON',
    '{}',
    '[]',
    'null',
    '"evt"',
    '{"id":"evt_1","object":"event"}',
    JSON.stringify({ ...event(), data: {} }),
    JSON.stringify({ ...event(), created: 'yesterday' }),
    JSON.stringify({ ...event(), object: 'v2.core.event' }),
  ])
    expect(await deliver(service, payload), payload).toMatchObject({
      status: 400,
      body: { error: { code: 'malformed_request' } },
    })
  expect(await stored()).toBe(before)
})

test('more than 1 MiB is refused, 1 MiB is not', async () => {
  const padded = (bytes: number) => {
    const empty = { ...event(), padding: '' }
    return { ...empty, padding: 'x'.repeat(bytes - JSON.stringify(empty).length) }
  }
  expect(await deliver(service, padded(1024 * 1024 + 1))).toMatchObject({
    status: 413,
    body: { error: { code: 'body_too_large' } },
  })
  expect(await deliver(service, padded(1024 * 1024))).toMatchObject({ status: 200 })
})
