import { expect, test } from 'vitest'
import { clientOf, refusal, start } from './start.ts'

test('each refusal comes as often as it was asked for, and does nothing', async () => {
  const { box, stripe } = await start()
  const statuses = { '400': 400, '429': 429, '401': 401, '500_before': 500, html: undefined } as const
  for (const [kind, status] of Object.entries(statuses)) {
    box.faults.add({ method: 'POST', path: '/v1/customers', kind: kind as keyof typeof statuses, count: 2 })
    for (let time = 0; time < 2; time++) {
      const error = await refusal(stripe.customers.create({}))
      if (status !== undefined) expect(error.statusCode).toBe(status)
      else expect(error.message).toContain('Invalid JSON')
    }
  }
  expect((await stripe.customers.list()).data).toEqual([])
  expect((await stripe.customers.create({})).object).toBe('customer')
})

test('a connection that breaks before the work is tried again by the SDK under the same key', async () => {
  const { box, stripe } = await start()
  box.faults.add({ path: '/v1/customers', kind: 'reset_before' })
  await stripe.customers.create({ email: 'a@example.com' })
  expect((await stripe.customers.list()).data).toHaveLength(1)
})

test('a connection that breaks after the work leaves the real answer under the key', async () => {
  const { box, stripe } = await start()
  box.faults.add({ method: 'POST', path: '/v1/customers', kind: 'reset_after' })
  const made = await stripe.customers.create({ email: 'a@example.com' }, { idempotencyKey: 'key-1' })
  expect(made.lastResponse.headers['idempotent-replayed']).toBe('true')
  expect((await stripe.customers.list()).data.map(({ id }) => id)).toEqual([made.id])
})

test('a timeout holds the answer until the client gives up, and does nothing', async () => {
  const { box } = await start()
  const stripe = clientOf(box, 'sk_test_1', { timeout: 200 })
  box.faults.add({ method: 'POST', path: '/v1/customers', kind: 'timeout' })
  expect((await refusal(stripe.customers.create({}))).type).toBe('StripeConnectionError')
  expect((await stripe.customers.list()).data).toEqual([])
})

test('faults are set, seen and cleared over HTTP; paths match exactly, by segment, or from the start', async () => {
  const { box, stripe } = await start()
  const url = `${box.url}/_sandbox/faults`
  const add = (fault: object) => fetch(url, { method: 'POST', body: JSON.stringify(fault) })
  expect((await add({ path: '/v1/customers', kind: 'nonsense' })).status).toBe(400)
  expect((await add({ path: '/v1/customers', kind: '500_before' })).status).toBe(200)
  expect(await refusal(stripe.customers.retrieve('cus_1'))).toMatchObject({ statusCode: 404 })
  expect(await (await fetch(url)).json()).toMatchObject({ faults: [{ path: '/v1/customers', count: 1 }] })
  await fetch(url, { method: 'DELETE' })
  await add({ path: '/v1/customers/:id', kind: '500_before' })
  await add({ path: '/v1/*', kind: '429' })
  expect((await refusal(stripe.customers.retrieve('cus_1'))).statusCode).toBe(500)
  expect((await refusal(stripe.products.list())).statusCode).toBe(429)
  expect((await stripe.products.list()).data).toHaveLength(3)
})
