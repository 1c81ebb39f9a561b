import { afterEach, beforeEach, expect, test } from 'vitest'
import { eventually, type Service, startService } from '../support/service.ts'

let service: Service
beforeEach(async () => {
  service = await startService({ clock: { nowMs: Date.parse('2026-11-02T09:00:00.000Z') } })
})
afterEach(() => service.close())

const summer = {
  code: 'SUMMER2024',
  percent_off: 25.0,
  duration: 'repeating',
  duration_in_months: 3,
  max_redemptions: 100,
}
const create = (body: object = summer) => service.request('POST', '/billing/discounts', body)
const get = (code: string) => service.request('GET', `/billing/discounts/${code}`)
const remove = (code: string) => service.request('DELETE', `/billing/discounts/${code}`)
const codesAtStripe = async (code: string) => (await service.stripe.promotionCodes.list({ code })).data

test('a discount is a coupon and a promotion code of the same code, found in any case', async () => {
  const reply = await create()
  expect(reply.status).toBe(200)
  expect(reply.body.data).toEqual({
    code: 'SUMMER2024',
    name: null,
    percent_off: 25,
    amount_off: null,
    currency: null,
    duration: 'repeating',
    duration_in_months: 3,
    max_redemptions: 100,
    times_redeemed: 0,
    expires_at: null,
    is_active: true,
    first_time_transaction: false,
    coupon_id: 'SUMMER2024',
    promotion_code_id: expect.stringMatching(/^promo_/),
    created_at: expect.any(String),
  })
  expect((await get('summer2024')).body).toEqual(reply.body)
  expect((await codesAtStripe('SUMMER2024')).map(({ id }) => id)).toEqual([reply.body.data.promotion_code_id])
})

test('the same terms again answer the same discount, other terms are a conflict', async () => {
  const expires_at = '2099-01-01T00:00:00.500Z'
  const terms = {
    code: 'TEN',
    amount_off: 1000,
    currency: 'USD',
    duration: 'once',
    expires_at,
    name: 'Ten off',
  }
  const first = await create(terms)
  expect(first.body.data).toMatchObject({
    amount_off: 1000,
    currency: 'usd',
    expires_at: '2099-01-01T00:00:00.000Z',
    name: 'Ten off',
  })
  const again = await create(terms)
  expect(again.status).toBe(200)
  expect(again.body).toEqual(first.body)
  for (const other of [{ amount_off: 900 }, { max_redemptions: 5 }, { code: 'ten', amount_off: 1 }]) {
    const refused = await create({ ...terms, ...other })
    expect(refused.status).toBe(409)
    expect(refused.body.error.code).toBe('conflict')
  }
  expect(await codesAtStripe('TEN')).toHaveLength(1)
})

test.each([
  ['percent_off', { percent_off: 0 }],
  ['percent_off', { percent_off: 101 }],
  ['percent_off', { percent_off: 'NaN' }],
  ['percent_off', { percent_off: 12.34567 }],
  ['percent_off', { percent_off: undefined }],
  ['percent_off', { amount_off: 500, currency: 'usd' }],
  ['currency', { percent_off: undefined, amount_off: 500 }],
  ['amount_off', { percent_off: undefined, amount_off: 1.5, currency: 'usd' }],
  ['duration_in_months', { duration_in_months: undefined }],
  ['duration_in_months', { duration: 'once' }],
  ['max_redemptions', { max_redemptions: 0 }],
  ['code', { code: 'NOT_THIS' }],
  ['expires_at', { expires_at: '2020-01-01T00:00:00Z' }],
])('an unusable %s is 422 and nothing is made', async (path, more) => {
  const reply = await create({ ...summer, ...more })
  expect(reply.status).toBe(422)
  expect(reply.body.error.details.fields.map((field: { path: string }) => field.path)).toEqual([path])
  expect((await service.stripe.coupons.list()).data.map(({ id }) => id)).toEqual(['LAUNCH50'])
})

test('NaN is no JSON', async () => {
  const reply = await service.request('POST', '/billing/discounts', '{"code":"X","percent_off":NaN}')
  expect(reply.status).toBe(400)
})

test('four decimals of a percentage are kept', async () => {
  expect((await create({ code: 'ODD', percent_off: 33.3333 })).body.data.percent_off).toBe(33.3333)
  expect((await create({ code: 'ODD', percent_off: 33.33 })).status).toBe(409)
})

test.each([
  ['/v1/coupons', '500_after'],
  ['/v1/coupons', '500_before'],
  ['/v1/promotion_codes', '500_after'],
  ['/v1/promotion_codes', 'reset_after'],
] as const)('a creation that ended at %s in %s is one discount after the retry', async (path, kind) => {
  service.sandbox.faults.add({ method: 'POST', path, kind, count: 2 })
  expect((await create()).status).toBe(503)
  const reply = await eventually(() => create())
  expect(reply.status).toBe(200)
  expect((await codesAtStripe('SUMMER2024')).map(({ id }) => id)).toEqual([reply.body.data.promotion_code_id])
})

test('two at once make one discount', async () => {
  const replies = await Promise.all([create(), create()])
  expect(replies.map(({ status }) => status)).toEqual([200, 200])
  expect(replies[0]?.body).toEqual(replies[1]?.body)
  expect(await codesAtStripe('SUMMER2024')).toHaveLength(1)
})

test('a discount that was made in the dashboard is found by asking, and is made again by nobody', async () => {
  await service.stripe.coupons.create({ id: 'abc123', percent_off: 10, duration: 'forever' })
  await service.stripe.promotionCodes.create({
    promotion: { type: 'coupon', coupon: 'abc123' },
    code: 'SPRING',
  })
  expect((await get('spring')).body.data).toMatchObject({
    code: 'SPRING',
    coupon_id: 'abc123',
    percent_off: 10,
  })

  await service.stripe.coupons.create({ id: 'AUTUMN', percent_off: 15, duration: 'once' })
  expect((await create({ code: 'AUTUMN', percent_off: 20 })).status).toBe(409)
  const adopted = await create({ code: 'AUTUMN', percent_off: 15 })
  expect(adopted.status).toBe(200)
  expect(adopted.body.data.promotion_code_id).toMatch(/^promo_/)
  expect((await get('NOWHERE')).status).toBe(404)
})

test('a deleted discount is redeemed by nobody, and its code can be made again, on other terms too', async () => {
  await create()
  const deleted = await remove('summer2024')
  expect(deleted.status).toBe(200)
  expect(deleted.body.data).toMatchObject({ code: 'SUMMER2024', is_active: false })
  expect((await codesAtStripe('SUMMER2024')).map(({ active }) => active)).toEqual([false])
  await expect(service.stripe.coupons.retrieve('SUMMER2024')).rejects.toThrow(/No such coupon/)

  expect((await get('SUMMER2024')).status).toBe(404)
  expect((await remove('SUMMER2024')).status).toBe(200)
  expect((await remove('NOWHERE')).status).toBe(404)

  // All in one second: a deletion and what was made after it are told apart all the same.
  const again = await create({ ...summer, percent_off: 30 })
  expect(again).toMatchObject({ status: 200, body: { data: { percent_off: 30, is_active: true } } })
  expect((await get('SUMMER2024')).body).toEqual(again.body)
  expect((await codesAtStripe('SUMMER2024')).filter(({ active }) => active)).toHaveLength(1)
  await remove('SUMMER2024')
  expect((await get('SUMMER2024')).status).toBe(404)
  expect(await create()).toMatchObject({ status: 200, body: { data: { percent_off: 25, is_active: true } } })
})

test('a deletion of unknown outcome is finished by the same request', async () => {
  await create()
  service.sandbox.faults.add({
    method: 'DELETE',
    path: '/v1/coupons/SUMMER2024',
    kind: '500_after',
    count: 1,
  })
  const reply = await eventually(() => remove('SUMMER2024'))
  expect(reply.status).toBe(200)
  await expect(service.stripe.coupons.retrieve('SUMMER2024')).rejects.toThrow(/No such coupon/)
})

test('the list has every discount once, newest first, page by page', async () => {
  for (const code of ['A1', 'B2', 'C3']) await create({ code, percent_off: 10 })
  await remove('B2')
  const seen: string[] = []
  let cursor: string | null = null
  do {
    const query: string = cursor === null ? '' : `&cursor=${cursor}`
    const { data } = (await service.request('GET', `/billing/discounts?limit=1${query}`)).body
    seen.push(...data.items.map((discount: { code: string }) => discount.code))
    cursor = data.next_cursor
  } while (cursor !== null)
  expect(seen.toSorted()).toEqual(['A1', 'C3', 'LAUNCH50'])
  const reply = await service.request('GET', '/billing/discounts?cursor=nonsense')
  expect(reply.status).toBe(422)
})

test('discounts are the platform’s: a tenant may look one up and nothing else', async () => {
  const key = await service.tenantKey('tenant_a')
  const as = (method: string, path: string, body?: object) => service.request(method, path, body, { key })
  expect((await as('GET', '/billing/discounts/LAUNCH50')).status).toBe(200)
  expect((await as('GET', '/billing/discounts')).status).toBe(403)
  expect((await as('POST', '/billing/discounts', summer)).status).toBe(403)
  expect((await as('DELETE', '/billing/discounts/LAUNCH50')).status).toBe(403)
})
