import { describe, expect, test } from 'vitest'
import { DiscountInput, decideCode, decideCoupon } from '../../src/billing/create-discount.ts'
import { decideEndOfCode, decideEndOfCoupon } from '../../src/billing/delete-discount.ts'
import type { DiscountRow, FoundDiscount } from '../../src/billing/discounts.ts'
import { outcomeOf } from '../support/outcome.ts'

const row = (more: Partial<DiscountRow>): DiscountRow => ({
  ...{ discount_id: 'TEN', tenant_id: null, kind: 'coupon', code: 'TEN', coupon_id: 'TEN', name: null },
  ...{ percent_off_ppm: 100_000, amount_off_cents: null, currency: null, duration: 'once' },
  ...{ duration_in_months: null, max_redemptions: null, times_redeemed: 0, expires_at: null },
  ...{ is_active: 1, first_time_transaction: 0, is_deleted: 0, made_under: null, as_of: 0, last_position: 1 },
  ...{ created_at: '2026-01-01T00:00:00.000Z', updated_at: '2026-01-01T00:00:00.000Z' },
  ...more,
})
const coupon = (more: Partial<DiscountRow> = {}) => row(more)
const code = (more: Partial<DiscountRow> = {}) =>
  row({ discount_id: 'promo_1', kind: 'promotion_code', ...more })
const found = (of: { coupon?: DiscountRow; promotionCode?: DiscountRow }): FoundDiscount => ({
  coupon: of.coupon ?? coupon(),
  promotionCode: of.promotionCode,
})
const ten = { code: 'TEN', percent_off: 10 }
const params = (key: string) => ({ key })
const otherTerms = { refused: 'conflict', details: { code: 'TEN' }, isPassing: false }

describe('given what stands under a code, when a discount is wanted', () => {
  const makesCoupon = { call: 'create_coupon', targetId: null, params: { key: 'the-key' } }
  const makesCode = { call: 'create_promotion_code', targetId: null, params: { key: 'the-key' } }
  const isThere = { objectId: 'promo_1' }
  test.each<[string, FoundDiscount | undefined, object, object, object]>([
    ['nothing', undefined, ten, makesCoupon, makesCode],
    ['its coupon', found({}), ten, { objectId: 'TEN' }, makesCode],
    ['both', found({ promotionCode: code() }), ten, { objectId: 'TEN' }, isThere],
    [
      'a code that was switched off: another is made',
      found({ promotionCode: code({ is_active: 0 }) }),
      ten,
      { objectId: 'TEN' },
      makesCode,
    ],
    [
      'a code that is used up: it is the one',
      found({ promotionCode: code({ is_active: 0, max_redemptions: 1, times_redeemed: 1 }) }),
      { ...ten, max_redemptions: 1 },
      { objectId: 'TEN' },
      isThere,
    ],
    [
      'a coupon that cannot be redeemed: so is its code',
      found({ coupon: coupon({ is_active: 0 }), promotionCode: code({ is_active: 0 }) }),
      ten,
      { objectId: 'TEN' },
      isThere,
    ],
    [
      'the same name',
      found({ coupon: coupon({ name: 'T' }) }),
      { ...ten, name: 'T' },
      { objectId: 'TEN' },
      makesCode,
    ],
    [
      'a name, and none is wanted',
      found({ coupon: coupon({ name: 'T' }) }),
      ten,
      { objectId: 'TEN' },
      makesCode,
    ],
  ])('%s', (_given, known, input, ofCoupon, ofCode) => {
    const wanted = DiscountInput.parse(input)
    expect(outcomeOf(() => decideCoupon(known, wanted, params))).toEqual(ofCoupon)
    expect(outcomeOf(() => decideCode(known, wanted, params))).toEqual(ofCode)
  })

  test.each<[string, Partial<DiscountRow>, object]>([
    ['percentage', {}, { ...ten, percent_off: 11 }],
    ['amount', {}, { code: 'TEN', amount_off: 1000, currency: 'usd' }],
    [
      'currency',
      { percent_off_ppm: null, amount_off_cents: 1000, currency: 'eur' },
      { code: 'TEN', amount_off: 1000, currency: 'usd' },
    ],
    ['duration', {}, { ...ten, duration: 'forever' }],
    [
      'months',
      { duration: 'repeating', duration_in_months: 3 },
      { ...ten, duration: 'repeating', duration_in_months: 4 },
    ],
    ['limit', {}, { ...ten, max_redemptions: 5 }],
    ['end', {}, { ...ten, expires_at: '2027-01-01T00:00:00.000Z' }],
    ['name', { name: 'T' }, { ...ten, name: 'U' }],
  ])('another %s under it is refused', (_what, more, input) => {
    const known = found({ coupon: coupon(more) })
    const wanted = DiscountInput.parse(input)
    expect(outcomeOf(() => decideCoupon(known, wanted, params))).toMatchObject(otherTerms)
    expect(outcomeOf(() => decideCode(known, wanted, params))).toMatchObject(otherTerms)
  })

  test('a code for first purchases is another than one for all', () => {
    const [first, all] = [
      DiscountInput.parse({ ...ten, first_time_transaction: true }),
      DiscountInput.parse(ten),
    ]
    const ofFirst = found({ promotionCode: code({ first_time_transaction: 1 }) })
    expect(outcomeOf(() => decideCode(ofFirst, first, params))).toEqual(isThere)
    expect(outcomeOf(() => decideCode(ofFirst, all, params))).toMatchObject(otherTerms)
    expect(outcomeOf(() => decideCode(found({ promotionCode: code() }), first, params))).toMatchObject(
      otherTerms,
    )
  })
})

test.each([
  [1, { call: 'update_promotion_code', targetId: 'promo_1', params: { active: false } }],
  [0, { objectId: 'promo_1' }],
] as const)('given a promotion code that is active: %s, when it is to end, then %o', (is_active, outcome) => {
  expect(outcomeOf(() => decideEndOfCode(code({ is_active })))).toEqual(outcome)
})

test.each([
  [0, { call: 'delete_coupon', targetId: 'TEN', params: {} }],
  [1, { objectId: 'TEN' }],
] as const)('given a coupon that is deleted: %s, when it is to end, then %o', (is_deleted, outcome) => {
  expect(outcomeOf(() => decideEndOfCoupon(coupon({ is_deleted })))).toEqual(outcome)
})
