import type Stripe from 'stripe'
import { expect, onTestFinished, test } from 'vitest'
import { startSandbox } from '../../src/stripe-sandbox/sandbox.ts'
import { clientOf, eventTypes, post, refusal, start, temporaryFolder } from './start.ts'

/** What `start` begins at, unix seconds. */
const begin = Date.parse('2026-11-01T12:00:00Z') / 1000
const hour = 3600
const day = 24 * hour
const items = [{ price: 'price_basic_monthly' }]

async function ready(stripe: Stripe, id: string): Promise<Stripe.TestHelpers.TestClock> {
  return await expect
    .poll(() => stripe.testHelpers.testClocks.retrieve(id), { timeout: 5000 })
    .toMatchObject({ status: 'ready' })
    .then(() => stripe.testHelpers.testClocks.retrieve(id))
}

test('a test clock is advanced as at Stripe: first it is advancing, then ready, and its events say so', async () => {
  const { box, stripe } = await start()
  const clocks = stripe.testHelpers.testClocks
  const made = await clocks.create({ frozen_time: begin, name: 'a year' })
  expect(made).toMatchObject({
    object: 'test_helpers.test_clock',
    created: begin,
    frozen_time: begin,
    livemode: false,
    name: 'a year',
    status: 'ready',
    status_details: {},
  })
  const advancing = await clocks.advance(made.id, { frozen_time: begin + day })
  expect(advancing).toMatchObject({
    frozen_time: begin,
    status: 'advancing',
    status_details: { advancing: { target_frozen_time: begin + day } },
  })
  expect(await ready(stripe, made.id)).toMatchObject({ frozen_time: begin + day, status_details: {} })
  expect(box.clock.nowMs()).toBe((begin + day) * 1000)
  expect((await eventTypes(stripe)).slice(-3)).toEqual([
    'test_helpers.test_clock.created',
    'test_helpers.test_clock.advancing',
    'test_helpers.test_clock.ready',
  ])
})

test('what is made for a customer of a test clock bears it, and is listed where it is asked for', async () => {
  const { stripe } = await start()
  const { id: test_clock } = await stripe.testHelpers.testClocks.create({ frozen_time: begin })
  const customer = await stripe.customers.create({ test_clock })
  const subscription = await stripe.subscriptions.create({
    customer: customer.id,
    items,
    trial_period_days: 7,
    expand: ['latest_invoice', 'test_clock'],
  })
  const item = await stripe.invoiceItems.create({ customer: customer.id, amount: 5, currency: 'usd' })
  expect([customer, item, subscription.latest_invoice]).toMatchObject([
    { test_clock },
    { test_clock },
    { test_clock },
  ])
  expect(subscription.test_clock).toMatchObject({ id: test_clock, object: 'test_helpers.test_clock' })
  expect((await stripe.customers.list()).data).toEqual([])
  expect((await stripe.customers.list({ test_clock })).data).toMatchObject([{ id: customer.id }])
  expect((await stripe.subscriptions.list()).data).toEqual([])
  for (const params of [{ test_clock }, { customer: customer.id }])
    expect((await stripe.subscriptions.list(params)).data).toMatchObject([{ id: subscription.id }])
  expect(await refusal(stripe.customers.create({ test_clock: 'clock_1' }))).toMatchObject({
    statusCode: 400,
    code: 'resource_missing',
    param: 'test_clock',
  })
})

test('all test clocks are one: advancing one advances the others, and all that is in the sandbox', async () => {
  const { box, stripe } = await start()
  const clocks = stripe.testHelpers.testClocks
  const one = await clocks.create({ frozen_time: begin })
  // A time to come is reached before the clock is there.
  const other = await clocks.create({ frozen_time: begin + 400 * day })
  expect(other).toMatchObject({ frozen_time: begin + 400 * day, status: 'ready' })
  expect((await stripe.customers.create({})).created).toBe(begin + 400 * day)
  expect((await clocks.retrieve(one.id)).frozen_time).toBe(begin + 400 * day)
  await post(box, '/_sandbox/clock', { advance_seconds: hour })
  expect((await clocks.list()).data).toMatchObject([
    { id: other.id, frozen_time: begin + 400 * day + hour },
    { id: one.id, frozen_time: begin + 400 * day + hour },
  ])
})

test('no test clock is made or advanced into the past, nor one that is advancing', async () => {
  const { box, stripe } = await start()
  const clocks = stripe.testHelpers.testClocks
  const refused = { statusCode: 400, type: 'StripeInvalidRequestError', param: 'frozen_time' }
  expect(await refusal(clocks.create({ frozen_time: begin - 60 }))).toMatchObject(refused)
  const { id } = await clocks.create({ frozen_time: begin })
  await box.clock.advanceTo(begin + day)
  for (const frozen_time of [begin + day, begin + day - 1, 0])
    expect(await refusal(clocks.advance(id, { frozen_time }))).toMatchObject(refused)
  const { promise: held, resolve: release } = Promise.withResolvers<null>()
  onTestFinished(box.clock.follow('slow', () => held))
  await clocks.advance(id, { frozen_time: begin + 2 * day })
  expect(await refusal(clocks.advance(id, { frozen_time: begin + 3 * day }))).toMatchObject({
    statusCode: 400,
  })
  release(null)
  expect(await ready(stripe, id)).toMatchObject({ frozen_time: begin + 2 * day })
})

test('an advance goes two intervals of the shortest subscription, or two years, and no further; other moves do', async () => {
  const { box, stripe } = await start()
  const clocks = stripe.testHelpers.testClocks
  const { id } = await clocks.create({ frozen_time: begin })
  const at = (text: string) => Date.parse(text) / 1000
  const refused = { statusCode: 400, param: 'frozen_time' }
  const twoYears = at('2028-11-01T12:00:00Z')
  expect(await refusal(clocks.advance(id, { frozen_time: twoYears + 1 }))).toMatchObject(refused)
  const customer = await stripe.customers.create({ test_clock: id })
  const subscribe = (price: string) =>
    stripe.subscriptions.create({ customer: customer.id, items: [{ price }], trial_period_days: 365 })
  await subscribe('price_basic_yearly')
  expect(await refusal(clocks.advance(id, { frozen_time: twoYears + 1 }))).toMatchObject(refused)
  await subscribe('price_basic_monthly')
  const twoMonths = at('2027-01-01T12:00:00Z')
  expect(await refusal(clocks.advance(id, { frozen_time: twoMonths + 1 }))).toMatchObject(refused)
  await clocks.advance(id, { frozen_time: twoMonths })
  await ready(stripe, id)
  await post(box, '/_sandbox/clock', { now: twoMonths + 70 * day })
  expect(await clocks.retrieve(id)).toMatchObject({ frozen_time: twoMonths + 70 * day, status: 'ready' })
})

test('a test clock that is deleted takes its customers with it', async () => {
  const { stripe } = await start()
  const { id: test_clock } = await stripe.testHelpers.testClocks.create({ frozen_time: begin })
  const customer = await stripe.customers.create({ test_clock })
  const other = await stripe.customers.create({})
  const subscription = await stripe.subscriptions.create({
    customer: customer.id,
    items,
    trial_period_days: 7,
  })
  expect(await stripe.testHelpers.testClocks.del(test_clock)).toMatchObject({ id: test_clock, deleted: true })
  expect(await stripe.customers.retrieve(customer.id)).toMatchObject({ deleted: true })
  expect((await stripe.subscriptions.retrieve(subscription.id)).status).toBe('canceled')
  expect(await stripe.customers.retrieve(other.id)).toMatchObject({ id: other.id, test_clock: null })
  expect(await refusal(stripe.testHelpers.testClocks.retrieve(test_clock))).toMatchObject({ statusCode: 404 })
})

test('an advance that a restart has cut off goes on after it', async () => {
  const file = `${temporaryFolder()}/sandbox.db`
  const clock = () => begin * 1000
  const box = await startSandbox({ file, clock })
  const { id } = await clientOf(box).testHelpers.testClocks.create({ frozen_time: begin })
  const { promise: called, resolve: call } = Promise.withResolvers<void>()
  box.clock.follow('stuck', async (now) => {
    if (now < begin + hour) return begin + hour
    call()
    return await new Promise(() => {})
  })
  await clientOf(box).testHelpers.testClocks.advance(id, { frozen_time: begin + day })
  await called
  await box.close()
  const again = await startSandbox({ file, clock })
  onTestFinished(() => again.close())
  await again.deliverDue()
  expect(again.clock.isPlaying(), 'it waits for who follows').toBe(false)
  const instants: number[] = []
  again.clock.follow('one', async (now) => {
    instants.push(now)
    return null
  })
  again.clock.resume()
  expect(await ready(clientOf(again), id)).toMatchObject({ frozen_time: begin + day })
  expect(instants).toEqual([begin + hour, begin + day])
})
