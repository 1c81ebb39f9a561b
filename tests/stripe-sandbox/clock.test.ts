import Database from 'better-sqlite3'
import type Stripe from 'stripe'
import { expect, onTestFinished, test, vi } from 'vitest'
import { startSandbox } from '../../src/stripe-sandbox/sandbox.ts'
import { clientOf, customerWithCard, receiver, start, temporaryFolder } from './start.ts'

const secret = 'whsec_test'
const hour = 3600
const day = 24 * hour
/** What `start` begins at, unix seconds. */
const begin = Date.parse('2026-11-01T12:00:00Z') / 1000

/** A draft that becomes final by itself an hour later. */
async function draft(stripe: Stripe): Promise<Stripe.Invoice> {
  const { id } = await customerWithCard(stripe)
  const made = await stripe.invoices.create({ customer: id, auto_advance: true })
  await stripe.invoiceItems.create({ customer: id, invoice: made.id, amount: 500, currency: 'usd' })
  return made
}

async function incomplete(stripe: Stripe): Promise<Stripe.Subscription> {
  const { id } = await customerWithCard(stripe, 'pm_card_chargeCustomerFail')
  return await stripe.subscriptions.create({ customer: id, items: [{ price: 'price_basic_monthly' }] })
}

test('what happens by itself bears the time at which it was due, in order', async () => {
  const { box, stripe } = await start()
  const subscription = await incomplete(stripe)
  const first = await draft(stripe)
  await box.clock.advanceTo(begin + 1800)
  const second = await draft(stripe)
  await box.clock.advanceTo(begin + 3 * day)
  const { data } = await stripe.events.list({
    types: ['invoice.finalized', 'customer.subscription.updated'],
    created: { gt: begin },
    limit: 100,
  })
  const told = data
    .reverse()
    .map(({ created, data: { object } }) => ({ created, id: 'id' in object && object.id }))
  expect(told).toEqual([
    { created: begin + hour, id: first.id },
    { created: begin + 1800 + hour, id: second.id },
    { created: begin + 23 * hour, id: subscription.id },
  ])
  expect((await stripe.invoices.retrieve(first.id)).status_transitions.finalized_at).toBe(begin + hour)
  expect((await stripe.customers.create({})).created).toBe(begin + 3 * day)
})

test('a machine whose time leaps plays what is due at its own time too', async () => {
  const { stripe, clock } = await start()
  const { id } = await draft(stripe)
  clock.nowMs += 2 * day * 1000
  expect((await stripe.invoices.retrieve(id)).status_transitions.paid_at).toBe(begin + hour)
})

test('at each instant the webhooks come first, then the followers, then the next instant', async () => {
  const order: string[] = []
  const { url, received } = await receiver()
  const { box, stripe } = await start({ webhook: { url, secret } })
  await draft(stripe)
  await incomplete(stripe)
  const seen = new Set<string>()
  box.clock.follow('one', async (now) => {
    for (const { id, type } of received) if (!seen.has(id)) order.push(type)
    for (const { id } of received) seen.add(id)
    order.push(`${(now - begin) / hour} h`)
    return now < begin + 2 * hour ? begin + 2 * hour : null
  })
  await box.clock.advanceTo(begin + day)
  const times = order.filter((entry) => entry.endsWith(' h'))
  expect(times).toEqual(['0 h', '1 h', '2 h', '23 h', '24 h'])
  expect(order.slice(order.indexOf('0 h') + 1, order.indexOf('1 h'))).toContain('invoice.paid')
  expect(order.slice(order.indexOf('2 h') + 1, order.indexOf('23 h')).sort()).toEqual([
    'customer.subscription.updated',
    'invoice.voided',
    'payment_intent.canceled',
  ])
})

test('what a follower causes at an instant is delivered, and the follower called again, before the next', async () => {
  const { url, received } = await receiver()
  const { box, stripe } = await start({ webhook: { url, secret } })
  const calls: { now: number; told: number }[] = []
  box.clock.follow('maker', async (now) => {
    if (calls.length === 0) await stripe.products.create({ name: 'x' })
    calls.push({ now, told: received.length })
    return null
  })
  await box.clock.advanceTo(begin + hour)
  expect(calls.map(({ now }) => now)).toEqual([begin, begin, begin + hour])
  expect(calls[1]?.told).toBe(1)
})

test('a follower that fails, or finds no end, is dropped from the move and named', async () => {
  const { box } = await start()
  const calls = { fails: 0, endless: 0, good: [] as number[] }
  box.clock.follow('fails', async () => {
    calls.fails += 1
    throw new Error('not me')
  })
  box.clock.follow('endless', async (now) => {
    calls.endless += 1
    return now
  })
  const leave = box.clock.follow('good', async (now) => {
    if (calls.good.at(-1) !== now) calls.good.push(now)
    return now + hour
  })
  expect(await box.clock.advanceTo(begin + 2 * hour)).toEqual({
    now: begin + 2 * hour,
    dropped: ['fails', 'endless'],
  })
  expect(calls.good).toEqual([begin, begin + hour, begin + 2 * hour])
  expect(calls.fails).toBe(1)
  leave()
  await box.clock.advanceTo(begin + 3 * hour)
  expect(calls.fails).toBe(2)
  expect(calls.good).toHaveLength(3)
})

test('two moves at once go one after the other, and none goes back', async () => {
  const { box } = await start()
  const times: number[] = []
  box.clock.follow('one', async (now) => {
    times.push(now)
    return null
  })
  const moves = [begin + 2 * day, begin + day, begin + 3 * day].map((time) => box.clock.advanceTo(time))
  const [first, second, third] = await Promise.allSettled(moves)
  expect(first).toMatchObject({ status: 'fulfilled', value: { now: begin + 2 * day } })
  expect(second).toMatchObject({ status: 'rejected', reason: { status: 400 } })
  expect(third).toMatchObject({ status: 'fulfilled', value: { now: begin + 3 * day } })
  expect(times).toEqual([begin, begin + 2 * day, begin + 2 * day, begin + 3 * day])
})

test('between moves the time runs on, and after a restart from where it was', async () => {
  const file = `${temporaryFolder()}/sandbox.db`
  const clock = { nowMs: begin * 1000 }
  const box = await startSandbox({ file, clock: () => clock.nowMs })
  await box.clock.advanceTo(begin + 30 * day)
  clock.nowMs += 5000
  expect(box.clock.nowMs()).toBe((begin + 30 * day + 5) * 1000)
  await box.close()
  const again = await startSandbox({ file, clock: () => clock.nowMs })
  onTestFinished(() => again.close())
  expect(again.clock.nowMs()).toBe((begin + 30 * day + 5) * 1000)
  const customer = await clientOf(again).customers.create({})
  expect(customer.created).toBe(begin + 30 * day + 5)
  expect(Date.parse(customer.lastResponse.headers.date ?? '')).toBe(customer.created * 1000)
})

test('the time stands still where the machine goes back', async () => {
  const { box, clock } = await start()
  clock.nowMs += 10_000
  expect(box.clock.nowMs()).toBe((begin + 10) * 1000)
  clock.nowMs -= 5000
  expect(box.clock.nowMs()).toBe((begin + 10) * 1000)
  clock.nowMs += 1000
  expect(box.clock.nowMs()).toBe((begin + 11) * 1000)
})

test('requests during a move are served at its instant', async () => {
  const { box, stripe } = await start()
  const made = new Map<number, number>()
  box.clock.follow('one', async (now) => {
    if (!made.has(now)) made.set(now, (await stripe.customers.create({})).created)
    return now + day
  })
  await box.clock.advanceTo(begin + 2 * day)
  const instants = [begin, begin + day, begin + 2 * day]
  expect([...made]).toEqual(instants.map((instant) => [instant, instant]))
})

test('a file of before keeps its timers', async () => {
  const file = `${temporaryFolder()}/sandbox.db`
  const box = await startSandbox({ file, clock: () => begin * 1000 })
  const { id } = await draft(clientOf(box))
  await box.close()
  const db = new Database(file)
  db.exec(`CREATE TABLE old (kind TEXT NOT NULL, object_id TEXT NOT NULL, due_at INTEGER NOT NULL,
      PRIMARY KEY (kind, object_id)) WITHOUT ROWID;
    INSERT INTO old SELECT kind, object_id, due_at FROM timers;
    DROP TABLE timers;
    ALTER TABLE old RENAME TO timers;
    CREATE INDEX timers_due ON timers (due_at)`)
  db.close()
  const again = await startSandbox({ file, clock: () => begin * 1000 })
  onTestFinished(() => again.close())
  await again.clock.advanceTo(begin + hour)
  expect((await clientOf(again).invoices.retrieve(id)).status).toBe('paid')
})

test('what cannot happen by itself is told once and given up, and all else goes on', async () => {
  const file = `${temporaryFolder()}/sandbox.db`
  const box = await startSandbox({ file, clock: () => begin * 1000 })
  const { id } = await draft(clientOf(box))
  await box.close()
  const db = new Database(file)
  db.prepare(
    "INSERT INTO timers (kind, object_id, due_at) VALUES ('advance_subscription', 'sub_lost', ?)",
  ).run(begin + 1)
  db.close()
  const stderr = vi.spyOn(process.stderr, 'write')
  onTestFinished(() => stderr.mockRestore())
  const { box: again, stripe } = await start({ file, clock: () => begin * 1000 })
  expect(await again.clock.advanceTo(begin + hour)).toEqual({ now: begin + hour, dropped: [] })
  expect((await stripe.invoices.retrieve(id)).status).toBe('paid')
  const told = stderr.mock.calls.map(([text]) => String(text)).filter((text) => text.includes('sub_lost'))
  expect(told).toEqual([
    "stripe-sandbox: advance_subscription of sub_lost is given up: No such subscription: 'sub_lost'\n",
  ])
})

test('a delivery that fails is tried again at its simulated time, signed as of then', async () => {
  const { url, received } = await receiver([500, 500])
  const { box, stripe } = await start({ webhook: { url, secret } })
  await stripe.customers.create({})
  const times: number[] = []
  box.clock.follow('one', async (now) => {
    times.push(now - begin)
    return null
  })
  await box.clock.advanceTo(begin + hour)
  expect(times).toEqual([0, 1, 6, hour])
  const signedAt = received.map(({ signature }) => Number(/t=(\d+)/.exec(signature)?.[1]) - begin)
  expect(signedAt).toEqual([0, 1, 6])
  for (const [index, { body, signature }] of received.entries())
    expect(
      stripe.webhooks.constructEvent(
        body,
        signature,
        secret,
        300,
        undefined,
        (begin + (signedAt[index] ?? 0)) * 1000,
      ),
    ).toMatchObject({ type: 'customer.created', created: begin })
})

test('keys are forgotten a day later by the clock', async () => {
  const { box, stripe } = await start()
  const create = () => stripe.customers.create({}, { idempotencyKey: 'key-1' })
  const first = await create()
  await box.clock.advanceTo(begin + day - 1)
  expect((await create()).id).toBe(first.id)
  await box.clock.advanceTo(begin + day)
  expect((await create()).id).not.toBe(first.id)
})
