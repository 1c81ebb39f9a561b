import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Rates, usageTypes } from '../../src/log/facts.ts'
import { cardAt, pricedCents, type RateCard } from '../../src/pricing/price.ts'
import { priced } from '../model/rates.ts'

const card = (rate_cents: number, per_units: number, holdsFrom: string, position: number): RateCard => ({
  rate_card_id: `rates_${position}`,
  currency: 'usd',
  rates: Object.fromEntries(usageTypes.map((type) => [type, { rate_cents, per_units }])) as Rates,
  holdsFrom,
  position,
})
const day = (number: number) => new Date(Date.UTC(2026, 0, number)).toISOString()
const sinceEver = new Date(0).toISOString()

describe('the cents of quantities at their rates', () => {
  const at = (quantity: bigint, rate_cents: number, per_units = 1) => ({
    quantity,
    rate: { rate_cents, per_units },
  })

  test('are one exact sum, rounded half up once', () => {
    expect(pricedCents([], 'usd')).toBe(0n)
    expect(pricedCents([at(1n, 1, 3), at(1n, 1, 6)], 'usd')).toBe(1n)
    expect(pricedCents([at(1n, 1, 3), at(1n, 1, 7)], 'usd')).toBe(0n)
    expect(pricedCents([at(49n, 10, 1000), at(49n, 10, 1000)], 'usd')).toBe(1n)
    expect(pricedCents([at(10n ** 18n + 1n, 999, 1000), at(1n, 1, 1000)], 'usd')).toBe(
      999_000_000_000_000_001n,
    )
  })

  test.each([
    ['kwd', 14n, 10n],
    ['kwd', 15n, 20n],
    ['isk', 149n, 100n],
    ['isk', 150n, 200n],
    ['jpy', 149n, 149n],
  ])('are what Stripe takes of %s: of %i, %i', (currency, cents, rounded) => {
    expect(pricedCents([at(cents, 1)], currency)).toBe(rounded)
  })

  test('are those of the model, whatever the parts', () => {
    const part = fc.record({
      quantity: fc.bigInt({ min: 0n, max: 10n ** 20n }),
      cents: fc.integer({ min: 0, max: 100_000 }),
      per: fc.constantFrom(1, 3, 7, 1000),
    })
    const currency = fc.constantFrom('usd', 'kwd', 'ugx', 'jpy')
    fc.assert(
      fc.property(fc.array(part), currency, (parts, currency) => {
        const ours = parts.map(({ quantity, cents, per }) => at(quantity, cents, per))
        const theirs = parts.map(({ quantity, ...rate }) => ({ quantity, rate }))
        expect(pricedCents(ours, currency)).toBe(priced(theirs, currency))
      }),
    )
  })
})

describe('the card in force', () => {
  test('is the last to hold, of two that hold from one instant the one set later', () => {
    const cards = [
      card(1, 1, sinceEver, 1),
      card(3, 1, day(5), 7),
      card(2, 1, day(5), 4),
      card(4, 1, day(3), 9),
    ]
    expect(cardAt(cards, day(2)).position).toBe(1)
    expect(cardAt(cards, day(4)).position).toBe(9)
    expect(cardAt(cards, day(5)).position).toBe(7)
  })

  test('before any holds is the first to hold', () => {
    expect(cardAt([card(1, 1, day(5), 4), card(1, 1, day(4), 2)], day(1)).position).toBe(2)
  })
})
