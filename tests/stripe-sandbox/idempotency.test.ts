import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { refusal, start } from './start.ts'

const key = { idempotencyKey: 'key-1' }

test('the same key and parameters get the first answer; nothing is done twice', async () => {
  const { box, stripe } = await start()
  const first = await stripe.customers.create({ email: 'a@example.com' }, key)
  const second = await stripe.customers.create({ email: 'a@example.com' }, key)
  expect(second).toEqual(first)
  expect(second.lastResponse.headers['idempotent-replayed']).toBe('true')
  expect(second.lastResponse.headers['original-request']).toBe(first.lastResponse.requestId)
  expect((await stripe.customers.list()).data).toHaveLength(1)
  const { requests } = (await (await fetch(`${box.url}/_sandbox/requests`)).json()) as { requests: unknown[] }
  expect(requests.slice(0, 2)).toEqual([
    { method: 'POST', path: '/v1/customers', idempotency_key: 'key-1', status: 200, replayed: false },
    { method: 'POST', path: '/v1/customers', idempotency_key: 'key-1', status: 200, replayed: true },
  ])
})

test('other parameters or another endpoint under one key are refused', async () => {
  const { stripe } = await start()
  await stripe.customers.create({ email: 'a@example.com' }, key)
  expect(await refusal(stripe.customers.create({ email: 'b@example.com' }, key))).toMatchObject({
    statusCode: 400,
    rawType: 'idempotency_error',
  })
  expect(await refusal(stripe.products.create({ name: 'x' }, key))).toMatchObject({
    rawType: 'idempotency_error',
  })
})

test('a key is in use while its first request is under way', async () => {
  const { box, stripe } = await start()
  box.faults.add({ method: 'POST', path: '/v1/customers', kind: 'delay', delayMs: 300 })
  const slow = stripe.customers.create({ email: 'a@example.com' }, key)
  await sleep(100)
  expect(await refusal(stripe.customers.create({ email: 'a@example.com' }, key))).toMatchObject({
    statusCode: 409,
    code: 'idempotency_key_in_use',
  })
  const { id } = await slow
  expect((await stripe.customers.create({ email: 'a@example.com' }, key)).id).toBe(id)
})

test('a 500 after the effect is what the key answers from then on', async () => {
  const { box, stripe } = await start()
  box.faults.add({ method: 'POST', path: '/v1/customers', kind: '500_after' })
  const first = await refusal(stripe.customers.create({ email: 'a@example.com' }, key))
  const second = await refusal(stripe.customers.create({ email: 'a@example.com' }, key))
  expect([first.statusCode, second.statusCode]).toEqual([500, 500])
  expect(second.headers?.['idempotent-replayed']).toBe('true')
  expect((await stripe.customers.list({ email: 'a@example.com' })).data).toHaveLength(1)
})

test('declines are stored, parameter errors and 429 are not', async () => {
  const { box, stripe } = await start()
  const intent = await stripe.setupIntents.create({
    automatic_payment_methods: { enabled: true, allow_redirects: 'never' },
  })
  const decline = () =>
    stripe.setupIntents.confirm(intent.id, { payment_method: 'pm_card_chargeDeclined' }, key)
  expect((await refusal(decline())).statusCode).toBe(402)
  expect((await refusal(decline())).headers?.['idempotent-replayed']).toBe('true')
  const other = { idempotencyKey: 'key-2' }
  box.faults.add({ path: '/v1/products', kind: '429' })
  expect((await refusal(stripe.products.create({ name: 'x' }, other))).statusCode).toBe(429)
  expect((await refusal(stripe.products.create({ color: 'x' } as never, other))).statusCode).toBe(400)
  expect((await stripe.products.create({ name: 'x' }, other)).name).toBe('x')
})

test('a key has 255 characters at most', async () => {
  const { stripe } = await start()
  const create = (length: number) =>
    stripe.customers.create({}, { idempotencyKey: 'k'.repeat(length) }).then(({ object }) => object)
  expect(await create(255)).toBe('customer')
  expect(await refusal(create(256))).toMatchObject({ statusCode: 400 })
})

test('a key is forgotten after 24 hours', async () => {
  const { stripe, clock } = await start()
  const first = await stripe.customers.create({ email: 'a@example.com' }, key)
  clock.nowMs += 24 * 60 * 60 * 1000 - 1
  expect((await stripe.customers.create({ email: 'a@example.com' }, key)).id).toBe(first.id)
  clock.nowMs += 1
  expect((await stripe.customers.create({ email: 'a@example.com' }, key)).id).not.toBe(first.id)
})
