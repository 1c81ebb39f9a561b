import { expect, test } from 'vitest'
import {
  dueStatuses,
  isDue,
  isSettled,
  isUndone,
  ranksFrom,
  unsettledStatuses,
} from '../../machines/invoice.ts'

test.each<[status: string, due: boolean, settled: boolean, undone: boolean]>([
  ['draft', true, false, false],
  ['open', true, false, false],
  ['uncollectible', false, false, false],
  ['paid', false, true, false],
  ['void', false, true, true],
  ['deleted', false, true, true],
  ['a status of next year', false, true, false],
])('%s: due %s, settled %s, undone %s', (status, due, settled, undone) => {
  expect([isDue(status), isSettled(status), isUndone(status)]).toEqual([due, settled, undone])
})

test.each<[from: string, to: string, ranks: number]>([
  ['draft', 'open', 1],
  ['open', 'uncollectible', 1],
  ['uncollectible', 'paid', 1],
  ['open', 'paid', 2],
  ['paid', 'void', 0],
  ['paid', 'open', -2],
])('from %s to %s it is %d ranks', (from, to, ranks) => expect(ranksFrom(from, to)).toBe(ranks))

test('what can still change, and what is due, are statuses of the table', () => {
  expect(unsettledStatuses).toEqual(['draft', 'open', 'uncollectible'])
  expect(dueStatuses).toEqual(['draft', 'open'])
})
