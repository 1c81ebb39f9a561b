import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type JsonObject, putTogether, takeApart } from '../../src/log/take-apart.ts'
import { startService } from '../support/service.ts'
import { stripeObjects } from '../support/stripe-samples.ts'
import { history } from '../support/webhooks.ts'
import { wizard } from '../support/wizard.ts'

const canary = (path: string) => `canary of ${path}, kept by nobody`
/** Every object that the sandbox makes. */
const names = [
  ...['Customer', 'Subscription', 'Invoice', 'PaymentMethod', 'SetupIntent', 'PaymentIntent', 'Charge'],
  ...['Coupon', 'PromotionCode', 'Product', 'Price', 'InvoiceItem', 'WebhookEndpoint'],
]
const objects = stripeObjects(names, canary)

/** What the seller says of what is sold, and no person. */
const sellersWords = [
  ...[
    'product id',
    'price id',
    'coupon id',
    'product name',
    'product description',
    'product unit_label',
    'price nickname',
    'price lookup_key',
  ],
  ...['coupon name', 'promotion_code code', 'invoice number'],
]

/** An id of what is sold may be any text of the seller's. */
const isSellers = (holder: string) =>
  sellersWords.includes(holder) || / (coupon|product|price|plan|promotion_code)$/.test(holder)

function canariesIn(value: unknown, object = '', member = ''): { object: string; member: string }[] {
  if (typeof value === 'string') return value.includes('canary') ? [{ object, member }] : []
  if (value === null || typeof value !== 'object') return []
  const own = 'object' in value && typeof value.object === 'string' ? value.object : object
  return Object.entries(value).flatMap(([name, inner]) => [
    ...(name.includes('canary') ? [{ object: own, member: 'a name' }] : []),
    ...canariesIn(inner, Array.isArray(value) ? object : own, Array.isArray(value) ? member : name),
  ])
}

describe.each(Object.entries(objects))('a %s', (_, object) => {
  const event = {
    id: 'evt_1',
    object: 'event',
    type: 'x.updated',
    data: { object, previous_attributes: object },
  }

  test('has no text of a person or of Stripe’s in its safe part', () => {
    const { safe } = takeApart(event)
    const holders = canariesIn(safe).map(({ object, member }) => `${object} ${member}`)
    expect(holders.filter((holder) => !isSellers(holder))).toEqual([])
  })

  test('is put together again, byte for byte', () => {
    const { safe, texts } = takeApart(event as JsonObject)
    expect(JSON.stringify(putTogether(safe, texts))).toBe(JSON.stringify(event))
  })
})

test('every event of a tenant’s way to the end of its subscription is put together again, and its safe part names nobody', async () => {
  const service = await startService()
  try {
    const tenant = wizard(service)
    await tenant.to('createSubscription')
    await tenant.complete()
    const of = `/billing/subscriptions/${tenant.of.subscriptionId}`
    const dearer = { price_id: 'price_enterprise_monthly', proration_behavior: 'always_invoice' }
    expect(await service.request('POST', `${of}/change-plan`, dearer)).toMatchObject({ status: 200 })
    expect(await service.request('POST', `${of}/cancel`, { at_period_end: false })).toMatchObject({
      status: 200,
    })
    const events = await history(service.stripe)
    expect(events.length).toBeGreaterThan(10)
    for (const event of events) {
      const json = JSON.parse(JSON.stringify(event)) as JsonObject
      const { safe, texts } = takeApart(json)
      expect(JSON.stringify(putTogether(safe, texts)), event.type).toBe(JSON.stringify(json))
      expect(JSON.stringify(safe), event.type).not.toMatch(/Ada|Lovelace|Analytical|example\.com|1234567890/)
    }
  } finally {
    await service.close()
  }
})

test('any JSON object is put together again, byte for byte', () => {
  const names = fc.oneof(
    fc.constantFrom('metadata', 'object', 'name', 'status', 'id', 'customer', 'dob', 'a/b', 'a~b', ''),
    fc.string(),
  )
  const { value } = fc.letrec((tie) => ({
    value: fc.oneof(
      { depthSize: 'small' },
      fc.string(),
      fc.integer(),
      fc.boolean(),
      fc.constant(null),
      fc.array(tie('value')),
      fc.dictionary(names, tie('value')),
    ),
  }))
  fc.assert(
    fc.property(fc.dictionary(names, value), (whole) => {
      // As it comes: from JSON.
      const json = JSON.parse(JSON.stringify(whole)) as JsonObject
      const { safe, texts } = takeApart(json)
      expect(JSON.stringify(putTogether(safe, texts))).toBe(JSON.stringify(json))
    }),
    { numRuns: 500 },
  )
})

test('a member that Stripe adds tomorrow is personal until somebody lists it', () => {
  const { safe, texts } = takeApart({
    object: 'customer',
    id: 'cus_1abc',
    mothers_maiden_name: 'Smith',
    age: 44,
  })
  expect(safe).toEqual({ object: 'customer', id: 'cus_1abc', mothers_maiden_name: null, age: 44 })
  expect(texts).toEqual({ '/mothers_maiden_name': 'Smith' })
})

test('of metadata, names are sealed too, and our own keys stay', () => {
  const { safe, texts } = takeApart({
    object: 'customer',
    metadata: { tenant_id: 'Jeturing_1', 'wife of': 'John Doe', plan_id: 'John Doe' },
  })
  expect(safe).toEqual({ object: 'customer', metadata: { tenant_id: 'Jeturing_1' } })
  expect(Object.keys(texts)).toEqual(['/metadata'])
})
