import { describe, expect, test } from 'vitest'
import { days } from './history.ts'
import { life, monthly, weekly, yearly } from './life.ts'
import { model } from './model.ts'
import { at, card, historyOf, type Told, textOf } from './story.ts'

/** Every window as `start/end`, with what is special about it. */
function windows(now: string, ...told: (Told | Told[])[]): string[] {
  return model(historyOf(card(), ...told), at(now)).windows.map(
    ({ subscription, start, end, trial, closed }) =>
      `${subscription} ${textOf(start)}/${textOf(end)}${trial ? ' trial' : ''}${closed ? '' : ' open'}`,
  )
}

test('an anchor at the end of a month falls on the last day of a shorter one, and comes back', () => {
  expect(windows('2026-04-01', life({ start: at('2026-01-31'), until: at('2026-04-01') }))).toEqual([
    'sub_1 2026-01-31/2026-02-28',
    'sub_1 2026-02-28/2026-03-31',
    'sub_1 2026-03-31/2026-04-30 open',
  ])
})

test.each([yearly, weekly, monthly])('a plan for each $interval has windows of months', (plan) => {
  expect(windows('2026-03-01', life({ start: at('2026-01-10'), until: at('2026-03-01'), plan }))).toEqual([
    'sub_1 2026-01-10/2026-02-10',
    'sub_1 2026-02-10/2026-03-10 open',
  ])
})

test('a change to another interval, by which Stripe moves its anchor, moves no window', () => {
  const change = { at: at('2026-01-20'), plan: yearly, periodEndsAt: at('2027-01-20') }
  expect(
    windows('2026-02-11', life({ start: at('2026-01-10'), until: at('2026-01-20'), changes: [change] })),
  ).toEqual(['sub_1 2026-01-10/2026-02-10', 'sub_1 2026-02-10/2026-03-10 open'])
})

describe('a trial', () => {
  const trial = { start: at('2026-01-05'), trialEnds: at('2026-01-19'), until: at('2026-02-01') }

  test('is one window however long, and its end is the anchor', () => {
    expect(windows('2026-01-20', life(trial))).toEqual([
      'sub_1 2026-01-05/2026-01-19 trial',
      'sub_1 2026-01-19/2026-02-19 open',
    ])
    expect(windows('2026-03-01', life({ ...trial, trialEnds: at('2026-03-05') }))).toEqual([
      'sub_1 2026-01-05/2026-03-05 trial open',
    ])
  })

  test('that is extended or ended by hand ends when it does', () => {
    const extended = { at: at('2026-01-10'), trialEndsAt: at('2026-01-25'), periodEndsAt: at('2026-01-25') }
    const ended = { at: at('2026-01-12'), trialEndsAt: at('2026-01-12'), status: 'active' as const }
    const changed = (change: typeof extended | typeof ended) =>
      life({ ...trial, changes: [change], without: 'renewals' })
    expect(windows('2026-01-26', changed(extended))).toEqual([
      'sub_1 2026-01-05/2026-01-25 trial',
      'sub_1 2026-01-25/2026-02-25 open',
    ])
    expect(windows('2026-01-26', changed(ended))).toEqual([
      'sub_1 2026-01-05/2026-01-12 trial',
      'sub_1 2026-01-12/2026-02-12 open',
    ])
  })

  test('that is given in a paid month is none', () => {
    const given = { at: at('2026-01-12'), status: 'trialing' as const, trialEndsAt: at('2026-03-01') }
    expect(windows('2026-02-06', life({ start: at('2026-01-05'), until: 0, changes: [given] }))).toEqual([
      'sub_1 2026-01-05/2026-02-05',
      'sub_1 2026-02-05/2026-03-05 open',
    ])
  })
})

describe('the end of a subscription', () => {
  const start = at('2026-01-10')

  test('cuts its window', () => {
    expect(windows('2026-03-20', life({ start, until: at('2026-03-20'), ends: at('2026-02-15') }))).toEqual([
      'sub_1 2026-01-10/2026-02-10',
      'sub_1 2026-02-10/2026-02-15',
    ])
  })

  test('at a window’s end begins no other', () => {
    expect(windows('2026-03-20', life({ start, until: at('2026-03-20'), ends: at('2026-02-10') }))).toEqual([
      'sub_1 2026-01-10/2026-02-10',
    ])
  })

  test('that is learned when the month has closed leaves that month whole, and no month after it', () => {
    const late = { at: at('2026-02-12'), status: 'canceled' as const, endedAt: at('2026-02-05') }
    const told = life({ start, until: 0, changes: [late] })
    expect(windows('2026-02-11', told)).toEqual([
      'sub_1 2026-01-10/2026-02-10',
      'sub_1 2026-02-10/2026-03-10 open',
    ])
    expect(windows('2026-02-13', told)).toEqual(['sub_1 2026-01-10/2026-02-10'])
  })
})

test('an incomplete subscription has no window until it is active, then that of its start', () => {
  const told = life({
    start: at('2026-01-10'),
    until: 0,
    changes: [
      { at: at('2026-01-10'), status: 'incomplete' },
      { at: at('2026-01-11'), status: 'active' },
    ],
  }).filter(
    (entry) => entry.kind !== 'subscription' || entry.status !== 'active' || entry.at > at('2026-01-10'),
  )
  expect(windows('2026-01-10', told)).toEqual([])
  expect(windows('2026-01-11', told)).toEqual(['sub_1 2026-01-10/2026-02-10 open'])
})

test('a subscription taken over begins with the month in which it was first seen', () => {
  const told = life({ start: at('2024-05-20'), until: 0, madeByUs: false }).map((entry) => ({
    ...entry,
    at: entry.at + days(600),
  }))
  expect(windows('2026-01-11', told)).toEqual(['sub_1 2025-12-20/2026-01-20 open'])
})

describe('a second subscription', () => {
  const first = life({ id: 'a', start: at('2026-01-01'), until: at('2026-03-01'), ends: at('2026-02-12') })
  const second = life({ id: 'b', start: at('2026-01-20'), until: at('2026-04-01') })

  test('has no windows while the first lives, and is named', () => {
    const picture = model(historyOf(card(), first, second), at('2026-02-11'))
    expect(picture.windows.map(({ subscription }) => subscription)).toEqual(['a', 'a'])
    expect(picture.secondSubscriptions).toEqual(['b'])
  })

  test('begins in the month in which the first ended, and windows never overlap', () => {
    expect(windows('2026-02-21', first, second)).toEqual([
      'a 2026-01-01/2026-02-01',
      'a 2026-02-01/2026-02-12',
      'b 2026-02-12/2026-02-20',
      'b 2026-02-20/2026-03-20 open',
    ])
  })
})
