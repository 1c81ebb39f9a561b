import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Rates, usageTypes } from '../../src/log/facts.ts'
import {
  cardAt,
  type Metered,
  pricedCents,
  priceLine,
  priceOf,
  type RateCard,
} from '../../src/pricing/price.ts'
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
const used = (quantity: number, more: Partial<Metered> = {}): Metered => ({
  usage_type: 'api_call',
  action: 'increment',
  quantity,
  occurred_at: day(1),
  position: 1,
  ...more,
})

describe('the price of a line', () => {
  const calls = [card(10, 1000, sinceEver, 1)]

  test.each([
    [49, 0],
    [50, 1],
    [1000, 10],
    [1049, 10],
    [1050, 11],
  ])('%i calls at 10 cents per 1000 are %i cents: half a cent rounds up', (quantity, amount_cents) => {
    expect(priceLine([used(quantity)], calls)).toEqual({ quantity, amount_cents })
  })

  test('is rounded once for the sum, not for each record', () => {
    expect(
      priceLine(
        Array.from({ length: 100 }, () => used(49)),
        calls,
      ),
    ).toEqual({
      quantity: 4900,
      amount_cents: 49,
    })
  })

  test('of no records is nothing', () => {
    expect(priceLine([], calls)).toEqual({ quantity: 0, amount_cents: 0 })
  })

  test('takes each record at the card in force when it occurred, and rounds over all cards once', () => {
    const cards = [card(10, 1000, sinceEver, 1), card(20, 1000, day(10), 9)]
    const records = [used(40, { occurred_at: day(9) }), used(5, { occurred_at: day(10) })]
    // 0.4 + 0.1 = 0.5 cents: nothing by itself, a cent together.
    expect(priceLine(records, cards)).toEqual({ quantity: 45, amount_cents: 1 })
  })

  test('a set replaces what came before it, in time and then in the log, and not what comes after', () => {
    const records = [
      used(7, { occurred_at: day(3), position: 1 }),
      used(5, { action: 'set', occurred_at: day(2), position: 2 }),
      used(100, { occurred_at: day(1), position: 3 }),
      used(50, { occurred_at: day(2), position: 1 }),
      used(1, { occurred_at: day(2), position: 3 }),
    ]
    expect(priceLine(records, calls).quantity).toBe(13)
  })

  test('quantities add up without loss, and a sum that no number holds is refused', () => {
    const most = Number.MAX_SAFE_INTEGER
    const cents = [card(1, 1_000_000, sinceEver, 1)]
    expect(priceOf([used(most), used(most), used(most)], cents)).toEqual({
      quantity: 3n * BigInt(most),
      amountCents: (3n * BigInt(most) + 500_000n) / 1_000_000n,
    })
    expect(priceLine([used(most - 1), used(1)], cents).quantity).toBe(most)
    expect(() => priceLine([used(most), used(1)], cents)).toThrow('void the records')
  })
})

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

describe('whatever the records and cards', () => {
  const time = fc.integer({ min: 1, max: 40 }).map(day)
  const records = fc
    .array(
      fc.record({
        usage_type: fc.constant('api_call' as const),
        action: fc.oneof(
          { weight: 4, arbitrary: fc.constant('increment' as const) },
          { weight: 1, arbitrary: fc.constant('set' as const) },
        ),
        quantity: fc.oneof(fc.integer({ min: 1, max: 3000 }), fc.integer({ min: 1, max: 10 ** 9 })),
        occurred_at: time,
      }),
      { maxLength: 30 },
    )
    .map((list): Metered[] => list.map((one, index) => ({ ...one, position: index + 1 })))
  const cards = fc
    .array(
      fc.record({ rate: fc.integer({ min: 0, max: 5000 }), per: fc.constantFrom(1, 3, 1000), from: time }),
      { maxLength: 4 },
    )
    .map((list) => [
      card(10, 1000, sinceEver, 1),
      ...list.map(({ rate, per, from }, index) => card(rate, per, from, index + 2)),
    ])
  const increments = records.map((list) => list.map((one): Metered => ({ ...one, action: 'increment' })))

  test('their order in the list changes nothing', () => {
    const shuffled = records.chain((list) =>
      fc.tuple(fc.constant(list), fc.shuffledSubarray(list, { minLength: list.length })),
    )
    fc.assert(
      fc.property(shuffled, cards, ([list, other], all) => {
        expect(priceLine(other, all)).toEqual(priceLine(list, all))
      }),
    )
  })

  test('one line costs what its parts cost, up to the rounding of each', () => {
    fc.assert(
      fc.property(increments, fc.nat(), cards, (list, cut, all) => {
        const at = list.length === 0 ? 0 : cut % list.length
        const [head, tail] = [priceLine(list.slice(0, at), all), priceLine(list.slice(at), all)]
        const whole = priceLine(list, all)
        expect(head.quantity + tail.quantity).toBe(whole.quantity)
        expect(Math.abs(head.amount_cents + tail.amount_cents - whole.amount_cents)).toBeLessThanOrEqual(1)
      }),
    )
  })

  test('more usage never costs less', () => {
    fc.assert(
      fc.property(increments, cards, (list, all) => {
        expect(priceLine(list, all).amount_cents).toBeGreaterThanOrEqual(
          priceLine(list.slice(1), all).amount_cents,
        )
      }),
    )
  })

  test('a set as the last record makes everything else free', () => {
    fc.assert(
      fc.property(records, cards, (list, all) => {
        const last = used(42, { action: 'set', occurred_at: day(41), position: 1000 })
        expect(priceLine([...list, last], all)).toEqual(priceLine([{ ...last, action: 'increment' }], all))
      }),
    )
  })
})
