import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Service, startService } from '../support/service.ts'
import { type Wizard, wizard } from '../support/wizard.ts'

const startedAt = Date.parse('2026-03-15T12:00:00.000Z')
const clock = { nowMs: startedAt }
let service: Service
let ada: Wizard
beforeAll(async () => {
  service = await startService({ clock })
  ada = wizard(service)
  await ada.to('start')
})
afterAll(() => service.close())

const get = async (path: string) => (await service.request('GET', `/admin${path}`)).body.data
const metrics = async () => (await service.app.request('/metrics')).text()
const fault = (kind: '500_before' | '401') => service.sandbox.faults.add({ path: '/v1/*', kind, count: 99 })

test('a timer alone is no call that is pending, and nothing is retried', async () => {
  expect(await get('/overview')).toMatchObject({
    effects: {},
    timers: 1,
    retrying: { count: 0, since: null, last_error: null },
    stripe: { errors: 0 },
  })
  expect((await get('/effects?waits_for=time')).items).toMatchObject([{ kind: 'expire_session' }])
  expect((await get('/effects?waits_for=stripe')).items).toEqual([])
})

test('an outage of Stripe is seen at once: what is retried, since when, why, and how much fails', async () => {
  fault('500_before')
  expect(await ada.createCustomer()).toMatchObject({ status: 503 })
  clock.nowMs += 90_000
  const overview = await get('/overview')
  expect(overview).toMatchObject({
    effects: { pending: 1 },
    timers: 1,
    retrying: { count: 1, since: '2026-03-15T12:00:00.000Z', last_error: expect.any(String) },
  })
  expect(overview.retrying.last_error).not.toBe('')
  expect(overview.stripe.errors).toBeGreaterThan(0)
  expect(overview.stripe.requests).toBeGreaterThanOrEqual(overview.stripe.errors)
  expect((await get('/effects?retrying=true')).items).toMatchObject([
    { kind: 'create_customer', status: 'pending', attempts: 1 },
  ])
  expect((await get('/sessions?stuck=true')).items).toMatchObject([{ session_id: ada.of.sessionId }])

  const text = await metrics()
  expect(text).toContain('stepledger_effects{status="pending"} 1')
  expect(text).toContain('stepledger_timers 1')
  expect(text).toContain('stepledger_effects_retrying{kind="create_customer"} 1')
  expect(text).toContain('stepledger_effects_retrying_oldest_seconds 90')
  expect(text).toMatch(/stepledger_stripe_requests_total\{outcome="unknown"\} [1-9]/)
  for (const name of [
    'timers',
    'effects_retrying',
    'effects_retrying_oldest_seconds',
    'stripe_requests_total',
  ])
    expect(text).toMatch(new RegExp(`# HELP stepledger_${name} \\w+`))
})

test('after the outage nothing is retried, and what failed has still been counted', async () => {
  service.sandbox.faults.clear()
  expect(await ada.createCustomer()).toMatchObject({ status: 200 })
  expect(await get('/overview')).toMatchObject({ effects: { done: 1 }, retrying: { count: 0, since: null } })
  expect((await get('/sessions?stuck=true')).items).toEqual([])
  const text = await metrics()
  expect(text).toContain('stepledger_effects_retrying_oldest_seconds 0')
  expect(text).toMatch(/stepledger_stripe_requests_total\{outcome="ok"\} [1-9]/)
  expect(text).toMatch(/stepledger_stripe_requests_total\{outcome="unknown"\} [1-9]/)
})

test('a key that Stripe does not accept is an error of the rate; a declined card is an answer', async () => {
  const before = (await get('/overview')).stripe
  fault('401')
  expect((await ada.setupPayment()).status).toBe(502)
  service.sandbox.faults.clear()
  const after = (await get('/overview')).stripe
  expect(after.errors).toBeGreaterThan(before.errors)
  expect(await ada.setupPayment()).toMatchObject({ status: 200 })
  await ada.confirmCard('pm_card_visa')
  expect((await get('/overview')).stripe.errors).toBe(after.errors)
})
