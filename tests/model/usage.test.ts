import { describe, expect, test } from 'vitest'
import type { UsageType } from './history.ts'
import { life } from './life.ts'
import { model } from './model.ts'
import { at, card, historyOf, setTo, type Told, textOf, used, voided } from './story.ts'

const start = at('2026-01-01')
const sub = life({ start, until: at('2027-01-01') })

/** Of each window that owes something for the type: `start: quantity = cents`. */
function dues(type: UsageType, now: string, ...told: (Told | Told[])[]): string[] {
  return model(historyOf(card(), ...told), at(now)).windows.flatMap(({ start, dues }) =>
    dues
      .filter((due) => due.type === type)
      .map(({ quantity, dueCents }) => `${textOf(start)}: ${quantity} = ${dueCents}`),
  )
}

describe('a level', () => {
  test('is the highest of its window plus the increments of that window alone', () => {
    // January: 10 agents until the 2nd, then 3, and 2 more for January alone. February: 3 carried over.
    const told = [
      setTo('agent', 10, '2026-01-01'),
      setTo('agent', 3, '2026-01-02'),
      used('agent', 2, '2026-01-20'),
    ]
    expect(dues('agent', '2026-02-15', sub, told)).toEqual([
      '2026-01-01: 12 = 60000',
      '2026-02-01: 3 = 15000',
    ])
  })

  test('is carried into every later window, until a set of 0 ends it', () => {
    const told = [setTo('user', 4, '2026-01-10'), setTo('user', 0, '2026-03-01')]
    // The set of March's first millisecond replaces what was carried in: March owes nothing.
    expect(dues('user', '2026-04-15', sub, told)).toEqual(['2026-01-01: 4 = 10000', '2026-02-01: 4 = 10000'])
  })

  test('set twice in one millisecond is what was recorded last', () => {
    expect(
      dues('agent', '2026-01-15', sub, setTo('agent', 9, '2026-01-10'), setTo('agent', 2, '2026-01-10')),
    ).toEqual(['2026-01-01: 2 = 10000'])
  })

  test('set late counts from its own time on, in closed windows too', () => {
    const told = [setTo('agent', 1, '2026-01-01'), setTo('agent', 6, '2026-02-10', '2026-03-20')]
    expect(dues('agent', '2026-03-10', sub, told)).toEqual([
      '2026-01-01: 1 = 5000',
      '2026-02-01: 1 = 5000',
      '2026-03-01: 1 = 5000',
    ])
    expect(dues('agent', '2026-03-21', sub, told)).toEqual([
      '2026-01-01: 1 = 5000',
      '2026-02-01: 6 = 30000',
      '2026-03-01: 6 = 30000',
    ])
  })

  test('survives the end of a subscription and costs nothing between two', () => {
    const first = life({ id: 'a', start, until: at('2026-02-01'), ends: at('2026-01-20') })
    const next = life({ id: 'b', start: at('2026-03-05'), until: at('2026-04-01') })
    // Between the two there are 50; when the next begins, 7.
    const told = [
      setTo('agent', 5, '2026-01-02'),
      setTo('agent', 50, '2026-02-02'),
      setTo('agent', 7, '2026-03-01'),
      used('agent', 3, '2026-02-10'),
    ]
    expect(dues('agent', '2026-03-10', first, next, told)).toEqual([
      '2026-01-01: 5 = 25000',
      '2026-03-05: 7 = 35000',
    ])
  })
})

describe('a count', () => {
  test('adds up in its window; a set replaces what that window counted before it, and no other window', () => {
    const told = [
      used('case', 5, '2026-01-31'),
      used('case', 3, '2026-02-03'),
      setTo('case', 2, '2026-02-10'),
      used('case', 4, '2026-02-20'),
      // Recorded after the set, but it occurred before: replaced as well.
      used('case', 8, '2026-02-09', '2026-02-25'),
    ]
    expect(dues('case', '2026-03-15', sub, told)).toEqual(['2026-01-01: 5 = 5000', '2026-02-01: 6 = 6000'])
  })

  test('of nothing but a set of 0 owes nothing', () => {
    expect(
      dues('case', '2026-01-15', sub, used('case', 5, '2026-01-02'), setTo('case', 0, '2026-01-03')),
    ).toEqual([])
  })

  test('is rounded once for its window: 499 and 551 calls are 1050, 10.5 cents, 11', () => {
    const told = [used('api_call', 499, '2026-01-02'), used('api_call', 551, '2026-01-30')]
    expect(dues('api_call', '2026-01-31', sub, told)).toEqual(['2026-01-01: 1050 = 11'])
  })

  test('of a voided record never was, and a voided set replaces nothing', () => {
    const wrong = setTo('case', 100, '2026-01-10')
    const told = [used('case', 2, '2026-01-05'), wrong, voided(wrong, '2026-01-12')]
    expect(dues('case', '2026-01-31', sub, told)).toEqual(['2026-01-01: 2 = 2000'])
  })
})

describe('usage before a subscription', () => {
  const late = life({ start: at('2026-03-10'), until: at('2026-05-01') })

  test('goes to its first window if it is a count and at most 35 days old', () => {
    // 35 days before 10 March is 3 February.
    const told = [
      used('case', 1, '2026-02-02T23:59'),
      used('case', 2, '2026-02-03'),
      used('case', 4, '2026-03-15'),
      used('agent', 9, '2026-03-01'),
    ]
    expect(dues('case', '2026-03-20', late, told)).toEqual(['2026-03-10: 6 = 6000'])
    expect(dues('agent', '2026-03-20', late, told)).toEqual([])
  })

  test('that is older goes to the window of the operator’s claim', () => {
    const told: Told[] = [
      used('case', 1, '2026-01-02'),
      { kind: 'usage_claim', at: at('2026-04-12'), type: null },
    ]
    expect(dues('case', '2026-04-15', late, told)).toEqual(['2026-04-10: 1 = 1000'])
  })

  test('in a window of an ended subscription stays there', () => {
    const first = life({ id: 'a', start: at('2026-02-01'), until: at('2026-05-01'), ends: at('2026-02-20') })
    const told = [used('case', 3, '2026-02-19', '2026-03-15'), used('case', 5, '2026-02-21')]
    expect(dues('case', '2026-03-20', first, late, told)).toEqual([
      '2026-02-01: 3 = 3000',
      '2026-03-10: 5 = 5000',
    ])
  })
})

describe('a rate card', () => {
  const dearer = (effective: string, recorded: string, release = 1) =>
    card({
      at: at(recorded),
      effectiveAt: at(effective),
      release,
      rates: {
        agent: { cents: 8_000, per: 1 },
        user: { cents: 2_500, per: 1 },
        case: { cents: 1_500, per: 1 },
        event_ingestion: { cents: 1, per: 1 },
        api_call: { cents: 10, per: 1_000 },
        platform_base: { cents: 20_000, per: 1 },
      },
    })
  const told = [setTo('agent', 1, '2026-01-02'), used('case', 1, '2026-01-10'), used('case', 1, '2026-01-20')]

  test('prices a count by its time, a level by the end of its window, the base by the start', () => {
    const cards = dearer('2026-01-15', '2026-01-15')
    expect(dues('case', '2026-02-10', sub, told, cards)).toEqual(['2026-01-01: 2 = 2500'])
    expect(dues('agent', '2026-02-10', sub, told, cards)).toEqual([
      '2026-01-01: 1 = 8000',
      '2026-02-01: 1 = 8000',
    ])
    expect(dues('platform_base', '2026-02-10', sub, told, cards)).toEqual([
      '2026-01-01: 1 = 10000',
      '2026-02-01: 1 = 20000',
    ])
  })

  test('that holds from a window’s very end prices the next one’s levels', () => {
    expect(dues('agent', '2026-02-10', sub, told, dearer('2026-02-01', '2026-01-15'))).toEqual([
      '2026-01-01: 1 = 5000',
      '2026-02-01: 1 = 8000',
    ])
  })

  test('recorded after the fact holds from its recording: a closed window keeps its price', () => {
    expect(dues('case', '2026-02-10', sub, told, dearer('2026-01-01', '2026-02-05'))).toEqual([
      '2026-01-01: 2 = 2000',
    ])
  })

  test('of an older release never holds again', () => {
    const newer = card({ at: at('2026-01-03'), release: 2 })
    expect(dues('case', '2026-02-10', sub, told, newer, dearer('2026-01-05', '2026-01-05'))).toEqual([
      '2026-01-01: 2 = 2000',
    ])
  })
})

test('a record of the base stands for the automatic one of its window', () => {
  expect(dues('platform_base', '2026-02-10', sub, used('platform_base', 3, '2026-01-20'))).toEqual([
    '2026-01-01: 3 = 30000',
    '2026-02-01: 1 = 10000',
  ])
})

test('amounts are whole tens of a three-decimal currency', () => {
  const dinars = life({ start, until: 0, currency: 'kwd' })
  // 5 + 10 units of 1 are 15: half a ten more than 10, so 20.
  const told = [card({ currency: 'kwd' }), used('event_ingestion', 15, '2026-01-02')]
  expect(dues('event_ingestion', '2026-01-31', dinars, told)).toEqual(['2026-01-01: 15 = 20'])
})
