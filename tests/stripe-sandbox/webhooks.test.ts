import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { expect, onTestFinished, test } from 'vitest'
import { startSandbox } from '../../src/stripe-sandbox/sandbox.ts'
import { clientOf, customerWithCard, receiver, refusal, start, temporaryFolder } from './start.ts'

const secret = 'whsec_test'

test('every event arrives once, signed so that the SDK accepts it', async () => {
  const { url, received } = await receiver()
  const { box, stripe, clock } = await start({ webhook: { url, secret } })
  await customerWithCard(stripe)
  await box.deliverDue()
  const types = received.map(({ type }) => type).sort()
  expect(types).toEqual(['customer.created', 'payment_method.attached'])
  for (const { body, signature } of received) {
    const seconds = Math.floor(clock.nowMs / 1000)
    const event = await stripe.webhooks.constructEventAsync(
      body,
      signature,
      secret,
      300,
      undefined,
      seconds * 1000,
    )
    expect(event).toMatchObject({ api_version: '2026-10-28.endive', pending_webhooks: 1, livemode: false })
    expect(event.request?.id).toMatch(/^req_/)
    expect((await stripe.events.retrieve(event.id)).pending_webhooks).toBe(0)
  }
})

test('the background delivers without being asked', async () => {
  const { url, received } = await receiver()
  const { stripe } = await start({ webhook: { url, secret } })
  await stripe.customers.create({})
  await expect.poll(() => received.length, { timeout: 5000 }).toBe(1)
})

test('a refused delivery is tried again later and later, for three days', async () => {
  const { url, received } = await receiver(Array.from({ length: 100 }, () => 500))
  const { box, stripe, clock } = await start({ webhook: { url, secret } })
  await stripe.customers.create({})
  const begin = clock.nowMs / 1000
  const day = 24 * 3600
  await box.clock.advanceTo(begin + 4 * day)
  const triedAt = received.map(({ signature }) => Number(/t=(\d+)/.exec(signature)?.[1]) - begin)
  expect(triedAt.slice(0, 9)).toEqual([0, 1, 6, 36, 156, 756, 2556, 6156, 16_956])
  expect(triedAt[9]).toBe(16_956 + 6 * 3600)
  expect(triedAt.at(-1)).toBeGreaterThan(2.7 * day)
  expect(triedAt.at(-1)).toBeLessThanOrEqual(3 * day)
  expect(new Set(received.map(({ id }) => id)).size).toBe(1)
  expect((await stripe.events.list({ delivery_success: false })).data).toMatchObject([
    { pending_webhooks: 1 },
  ])
})

test('endpoints made over the API get their types, with a secret told once; a slow one holds nobody up', async () => {
  const [prices, all] = [await receiver(), await receiver()]
  const { box, stripe } = await start()
  const endpoint = await stripe.webhookEndpoints.create({
    url: prices.url,
    enabled_events: ['product.created'],
  })
  const other = await stripe.webhookEndpoints.create({ url: all.url, enabled_events: ['*'] })
  expect(endpoint.secret).toMatch(/^whsec_/)
  expect((await stripe.webhookEndpoints.retrieve(endpoint.id)).secret).toBeUndefined()
  await stripe.customers.create({})
  await stripe.products.create({ name: 'x' })
  await box.deliverDue()
  expect(prices.received.map(({ type }) => type)).toEqual(['product.created'])
  expect(all.received).toHaveLength(2)
  await stripe.webhookEndpoints.update(other.id, { disabled: true })
  await stripe.webhookEndpoints.del(endpoint.id)
  await stripe.products.create({ name: 'y' })
  await box.deliverDue()
  expect(prices.received.length + all.received.length).toBe(3)
  expect(await refusal(stripe.webhookEndpoints.retrieve(endpoint.id))).toMatchObject({ statusCode: 404 })
})

test('events are listed by type, types and time, for thirty days', async () => {
  const { stripe, clock } = await start()
  await stripe.customers.create({})
  clock.nowMs += 1000
  const { id } = await stripe.products.create({ name: 'x' })
  const of = async (params: Parameters<typeof stripe.events.list>[0]) =>
    (await stripe.events.list(params)).data.map(({ type }) => type)
  expect(await of({ type: 'customer.created' })).toEqual(['customer.created'])
  expect(await of({ type: 'product.*' })).toEqual(['product.created'])
  expect(await of({ types: ['product.created', 'price.created'] })).toEqual(['product.created'])
  expect(await of({ created: { gte: clock.nowMs / 1000 } })).toEqual(['product.created'])
  expect((await stripe.events.list()).data[0]?.data.object).toMatchObject({ id })
  clock.nowMs += 30 * 24 * 3600_000
  expect(await of({})).toEqual(['product.created'])
})

test('objects, events, keys and what is still to be delivered survive a restart', async () => {
  const { url, received } = await receiver([500])
  const file = `${temporaryFolder()}/sandbox.db`
  const options = { file, webhook: { url, secret } }
  const box = await startSandbox(options)
  const made = await clientOf(box).customers.create({ email: 'a@example.com' }, { idempotencyKey: 'key-1' })
  await expect.poll(() => received.length).toBe(1)
  await box.close()
  const again = await startSandbox({ ...options, port: box.port, clock: () => Date.now() + 60_000 })
  onTestFinished(() => again.close())
  const stripe = clientOf(again)
  expect(await stripe.customers.create({ email: 'a@example.com' }, { idempotencyKey: 'key-1' })).toEqual(made)
  expect((await stripe.events.list()).data).toHaveLength(1)
  expect((await stripe.products.list()).data).toHaveLength(3)
  await expect.poll(() => received.length).toBe(2)
})

test('SIGKILL loses nothing that was answered, and no event of it', async () => {
  const file = `${temporaryFolder()}/sandbox.db`
  const sandboxFile = new URL('../../src/stripe-sandbox/sandbox.ts', import.meta.url).href
  const script = `const { startSandbox } = await import(${JSON.stringify(sandboxFile)})
    const box = await startSandbox({ file: ${JSON.stringify(file)} })
    console.log(box.port)`
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  const [line] = (await once(child.stdout, 'data')) as [Buffer]
  const stripe = clientOf({ port: Number(line.toString()) })
  const answered: string[] = []
  const writing = (async () => {
    for (;;) answered.push((await stripe.customers.create({})).id)
  })().catch(() => undefined)
  await expect.poll(() => answered.length, { timeout: 10_000 }).toBeGreaterThan(9)
  child.kill('SIGKILL')
  await writing
  const again = await startSandbox({ file })
  onTestFinished(() => again.close())
  const kept = new Set<string>()
  for await (const { id } of clientOf(again).customers.list({ limit: 100 })) kept.add(id)
  const told = new Set<string>()
  for await (const event of clientOf(again).events.list({ limit: 100, type: 'customer.created' }))
    told.add((event.data.object as { id: string }).id)
  expect(answered.filter((id) => !kept.has(id))).toEqual([])
  expect(told).toEqual(kept)
})
