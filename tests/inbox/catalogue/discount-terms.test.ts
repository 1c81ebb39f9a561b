import fc from 'fast-check'
import { expect, test } from 'vitest'
import { discountCents } from '../../../src/pricing/discount-cents.ts'
import { percentOf } from '../../../src/stripe-sandbox/catalogue/price.ts'

const percent = (percent_off_ppm: number) => ({ percent_off_ppm, amount_off_cents: null })
const amount = (amount_off_cents: number) => ({ percent_off_ppm: null, amount_off_cents })

test.each([
  [percent(500_000), 4_900, 2_450],
  [percent(500_000), 4_901, 2_451],
  [percent(333_333), 9_900, 3_300],
  [percent(333_300), 100, 33],
  [percent(1_000_000), 9_900, 9_900],
  // 33.33 % and 33.3333 % of 1,000,000: a hundredth of a percent is not fine enough.
  [percent(333_300), 1_000_000, 333_300],
  [percent(333_333), 1_000_000, 333_333],
  [percent(1), 499_999, 0],
  [percent(1), 500_000, 1],
  [amount(1_000), 9_900, 1_000],
  [amount(99_999), 9_900, 9_900],
  [percent(500_000), 0, 0],
])('%o takes off %i cents: %i', (terms, amountCents, off) => {
  expect(discountCents(terms, amountCents)).toBe(off)
})

test('a discount is a whole number of cents, never below zero and never above the amount', () => {
  const terms = fc.oneof(fc.integer({ min: 1, max: 1_000_000 }).map(percent), fc.nat(100_000_000).map(amount))
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
    fc.property(fc.integer({ min: 1, max: 1_000_000 }), fc.nat(99_999_999), (ppm, amountCents) => {
      const product = BigInt(amountCents) * BigInt(ppm)
      const isHalfOrMore = product % 1_000_000n >= 500_000n
      const exact = product / 1_000_000n + (isHalfOrMore ? 1n : 0n)
      expect(BigInt(discountCents(percent(ppm), amountCents))).toBe(exact)
      // What the sandbox takes off: the two agree to the cent.
      expect(percentOf(amountCents, ppm / 10_000)).toBe(Number(exact))
    }),
  )
})
