import { expect, test } from 'vitest'
import { burstLimit, hourlyLimit } from '../../src/http/limits.ts'
import { startService } from '../support/service.ts'
import { basicMonthly, requestsTo, wizard } from '../support/wizard.ts'

test('guessing codes with one session ends at 20 with 429, and one that was unknown a moment ago costs no call', async ({
  onTestFinished,
}) => {
  const service = await startService()
  onTestFinished(() => service.close())
  const tenant = wizard(service)
  await tenant.to('confirmCard')
  const key = { key: tenant.of.token }
  const guess = (code: string) => tenant.selectPlan({ ...basicMonthly, discount_code: code }, key)
  const asked = async () => (await requestsTo(service, 'GET', '/v1/promotion_codes')).length

  expect((await guess('GUESS')).status).toBe(422)
  const once = await asked()
  expect((await guess('GUESS')).status).toBe(422)
  expect(await asked()).toBe(once)

  const replies = await Promise.all(Array.from({ length: 60 }, (_, index) => guess(`GUESS${index}`)))
  expect(replies.filter(({ status }) => status === 422)).toHaveLength(19)
  const refused = replies.filter(({ status }) => status === 429)
  expect(refused).toHaveLength(41)
  expect(refused[0]?.body.error.code).toBe('rate_limited')
  expect(Number(refused[0]?.headers.get('Retry-After'))).toBeGreaterThan(3500)
  expect(await asked()).toBe(once + 19)

  // Another session is not touched, and this one goes on without a code.
  const other = wizard(service)
  await other.to('confirmCard')
  expect((await other.selectPlan({ ...basicMonthly, discount_code: 'OTHER' })).status).toBe(422)
  expect((await tenant.selectPlan(basicMonthly, key)).status).toBe(200)

  // Steps of every kind, done or refused: 64 guesses and plans so far with this token.
  const steps = await Promise.all(Array.from({ length: 140 }, () => tenant.createCustomer(key)))
  expect(steps.filter(({ status }) => status === 200)).toHaveLength(200 - 63)
  expect(steps.at(-1)).toMatchObject({ status: 429, body: { error: { code: 'rate_limited' } } })
  expect((await tenant.show(key)).status).toBe(200)
})

test('a burst is refused for as long as it says, and no longer', () => {
  let at = 0
  const take = burstLimit({ burst: 2, perMinute: 20, message: 'no', now: () => at })
  take('a')
  take('a')
  expect(() => take('a')).toThrow(expect.objectContaining({ code: 'rate_limited', retryAfterSeconds: 3 }))
  at = 2_999
  expect(() => take('a')).toThrow('no')
  at = 3_000
  take('a')
  expect(() => take('a')).toThrow('no')
})

test('a limit of an hour is one of any hour, and says when the next is free', () => {
  let at = 0
  const take = hourlyLimit({ limit: 2, message: 'no', now: () => at })
  take('a')
  at = 600_000
  take('a')
  const refusedFor = () => {
    try {
      take('a')
      return 0
    } catch (error) {
      return (error as { retryAfterSeconds: number }).retryAfterSeconds
    }
  }
  expect(refusedFor()).toBe(3000)
  take('b')
  at = 3_599_999
  expect(refusedFor()).toBeGreaterThan(0)
  at = 3_600_000
  const giveBack = take('a')
  expect(refusedFor()).toBe(600)
  giveBack()
  expect(refusedFor()).toBe(0)
})
