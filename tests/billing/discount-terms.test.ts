import fc from 'fast-check'
import { expect, test } from 'vitest'
import { discountCents } from '../../src/billing/discount-terms.ts'

const percent = (percent_off_bp: number) => ({ percent_off_bp, amount_off_cents: null })
const amount = (amount_off_cents: number) => ({ percent_off_bp: null, amount_off_cents })

test.each([
  [percent(5_000), 4_900, 2_450],
  [percent(5_000), 4_901, 2_451],
  [percent(3_333), 9_900, 3_300],
  [percent(3_333), 100, 33],
  [percent(10_000), 9_900, 9_900],
  [amount(1_000), 9_900, 1_000],
  [amount(99_999), 9_900, 9_900],
  [percent(5_000), 0, 0],
])('%o takes off %i cents: %i', (terms, amountCents, off) => {
  expect(discountCents(terms, amountCents)).toBe(off)
})

test('a discount is a whole number of cents, never below zero and never above the amount', () => {
  const terms = fc.oneof(fc.integer({ min: 1, max: 10_000 }).map(percent), fc.nat(100_000_000).map(amount))
  fc.assert(
    fc.property(terms, fc.nat(99_999_999), (discount, amountCents) => {
      const off = discountCents(discount, amountCents)
      expect(Number.isInteger(off)).toBe(true)
      expect(off).toBeGreaterThanOrEqual(0)
      expect(off).toBeLessThanOrEqual(amountCents)
    }),
  )
})

test('a percentage is rounded half up, as exact arithmetic does it', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 10_000 }), fc.nat(99_999_999), (basisPoints, amountCents) => {
      const exact = (2n * BigInt(amountCents) * BigInt(basisPoints) + 10_000n) / 20_000n
      expect(BigInt(discountCents(percent(basisPoints), amountCents))).toBe(exact)
    }),
  )
})
