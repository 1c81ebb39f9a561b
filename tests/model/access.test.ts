import { expect, test } from 'vitest'
import { life, yearly } from './life.ts'
import { model } from './model.ts'
import { at, card, historyOf, ours, type Told, textOf, used } from './story.ts'

const start = at('2026-01-01')
const until = at('2026-12-01')

/** `grace until 2026-02-15`. */
function access(now: string, ...told: (Told | Told[])[]): string {
  const { access, until } = model(historyOf(card(), ...told), at(now), { graceDays: 14 }).access
  return until === null ? access : `${access} until ${textOf(until)}`
}

const change = (when: string, status: 'past_due' | 'unpaid' | 'paused' | 'active') => ({
  at: at(when),
  status,
})

test('a trial, an active and a paused subscription give full access; one that ends, until it ends', () => {
  const paused = [{ at: at('2026-01-05'), collectionPaused: true }]
  const ending = [{ at: at('2026-01-05'), cancelAt: at('2026-02-01') }]
  expect(access('2026-01-10', life({ start, until }))).toBe('full')
  expect(access('2026-01-10', life({ start, until, trialEnds: at('2026-01-15') }))).toBe('full')
  expect(access('2026-01-10', life({ start, until, changes: paused }))).toBe('full')
  expect(access('2026-01-10', life({ start, until, changes: ending }))).toBe('full until 2026-02-01')
})

test('past due is grace from the first failure of the oldest open invoice, then suspended', () => {
  const sub = life({
    start,
    until: at('2026-02-02'),
    without: 'payments',
    changes: [change('2026-02-01T02:00', 'past_due')],
  })
  const failed = (when: string): Told => ({
    kind: 'payment_failed',
    at: at(when),
    invoice: 'sub_1 2026-02-01',
    failedAt: at(when),
  })
  const told = [failed('2026-02-01T01:00'), failed('2026-02-04T01:00')]
  expect(access('2026-02-10', sub, told)).toBe('grace until 2026-02-15T01:00')
  expect(access('2026-02-15T00:59', sub, told)).toBe('grace until 2026-02-15T01:00')
  expect(access('2026-02-15T01:00', sub, told)).toBe('suspended')
})

test('grace counts from Stripe’s time of the first failure, whenever and in whichever order failures are told', () => {
  const sub = life({ start, until: at('2026-02-02'), without: 'payments' })
  const failed = (told: string, when: string): Told => ({
    ...{ kind: 'payment_failed', invoice: 'sub_1 2026-02-01' },
    ...{ at: at(told), failedAt: at(when) },
  })
  const late = [failed('2026-02-04T02:00', '2026-02-04T01:00'), failed('2026-02-05', '2026-02-01T01:00')]
  expect(access('2026-02-04T12:00', sub, late)).toBe('grace until 2026-02-18T01:00')
  expect(access('2026-02-10', sub, late)).toBe('grace until 2026-02-15T01:00')
})

test('a failed invoice of ours counts like any, until it is paid, void or written off', () => {
  const sub = [life({ start, until, plan: yearly }), used('case', 1, '2026-01-10')].flat()
  const invoice = ours('sub_1', '2026-02-01T01:00')
  const when = at('2026-02-01T01:00')
  const failed: Told = { kind: 'payment_failed', at: when, invoice, failedAt: when }
  const picture = model(historyOf(card(), sub, failed), at('2026-02-10'))
  expect(picture).toMatchObject({ isDelinquent: true, outstandingCents: 11_000n })
  expect(access('2026-02-10', sub, failed)).toBe('grace until 2026-02-15T01:00')
  for (const kind of ['voided', 'uncollectible'] as const)
    expect(access('2026-02-10', sub, failed, { kind, at: at('2026-02-05'), invoice })).toBe('full')
  expect(
    access('2026-02-10', sub, failed, { kind: 'paid', at: at('2026-02-05'), invoice, balanceCents: 0 }),
  ).toBe('full')
})

test('unpaid, paused by Stripe and ended are suspended', () => {
  expect(access('2026-01-10', life({ start, until, changes: [change('2026-01-05', 'unpaid')] }))).toBe(
    'suspended',
  )
  expect(access('2026-01-10', life({ start, until, changes: [change('2026-01-05', 'paused')] }))).toBe(
    'suspended',
  )
  expect(access('2026-01-10', life({ start, until, ends: at('2026-01-05') }))).toBe('suspended')
})

test('no subscription, and one that is incomplete, give none', () => {
  const incomplete = life({ start, until: 0 }).map((entry) =>
    entry.kind === 'subscription' ? { ...entry, status: 'incomplete' as const } : entry,
  )
  expect(access('2026-01-10')).toBe('none')
  expect(access('2026-01-10', incomplete)).toBe('none')
})

test('one begun again gives full access, whatever the ended one was', () => {
  const first = life({ id: 'a', start, until, ends: at('2026-01-05') })
  expect(access('2026-01-10', first, life({ id: 'b', start: at('2026-01-08'), until }))).toBe('full')
})
