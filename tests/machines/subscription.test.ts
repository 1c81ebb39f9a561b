import { expect, test } from 'vitest'
import {
  type Access,
  accessOf,
  endedStatuses,
  hasEnded,
  isInOrder,
  isLate,
  isUsable,
  reasonFor,
  stagesFrom,
} from '../../machines/subscription.ts'

const failingSince = '2026-11-01T00:00:00.000Z'
const graceEnds = '2026-11-15T00:00:00.000Z'
const endsAt = '2026-12-01T00:00:00.000Z'
const about = { failingSince: null, graceDays: 14, now: '2026-11-10T00:00:00.000Z' }
const failing = { ...about, failingSince }

test.each<[status: string, usable: boolean, late: boolean, ended: boolean]>([
  ['incomplete', false, false, false],
  ['trialing', true, false, false],
  ['active', true, false, false],
  ['past_due', true, true, false],
  ['unpaid', false, true, false],
  ['paused', false, false, false],
  ['canceled', false, false, true],
  ['incomplete_expired', false, false, true],
  ['a status of next year', false, false, false],
])('%s: usable %s, late %s, ended %s', (status, usable, late, ended) => {
  expect([isUsable(status), isLate(status), hasEnded(status)]).toEqual([usable, late, ended])
  expect(isInOrder(status)).toBe(usable && !late)
  expect(endedStatuses.includes(status)).toBe(ended)
})

test.each<[from: string, to: string, stages: number]>([
  ['incomplete', 'active', 1],
  ['incomplete', 'incomplete_expired', 2],
  ['active', 'past_due', 0],
  ['past_due', 'trialing', 0],
  ['active', 'canceled', 1],
  ['canceled', 'active', -1],
  ['canceled', 'incomplete_expired', 0],
  ['a status of next year', 'active', 0],
])('from %s to %s it is %d stages', (from, to, stages) => expect(stagesFrom(from, to)).toBe(stages))

test.each<[status: string, access: Access]>([
  ['trialing', 'full'],
  ['active', 'full'],
  ['past_due', 'grace'],
  ['unpaid', 'suspended'],
  ['paused', 'suspended'],
  ['canceled', 'suspended'],
  ['incomplete', 'none'],
  ['incomplete_expired', 'none'],
])('%s gives access: %s', (status, access) =>
  expect(accessOf({ status, endsAt: null }, about)).toEqual({ access, until: null }),
)

test('who never subscribed has no access', () => {
  expect(accessOf(undefined, about)).toEqual({ access: 'none', until: null })
})

test('a subscription that ends gives full access until the end of what is paid for', () => {
  expect(accessOf({ status: 'active', endsAt }, about)).toEqual({ access: 'full', until: endsAt })
})

test.each(['active', 'past_due', 'trialing'])(
  '%s with an invoice whose payment fails: grace from the first failure on, then suspended',
  (status) => {
    const access = (now: string) => accessOf({ status, endsAt: null }, { ...failing, now })
    expect(access('2026-11-14T23:59:59.999Z')).toEqual({ access: 'grace', until: graceEnds })
    expect(access(graceEnds)).toEqual({ access: 'suspended', until: null })
  },
)

test('a failed payment takes nothing from who has nothing', () => {
  expect(accessOf({ status: 'incomplete', endsAt: null }, failing).access).toBe('none')
  expect(accessOf({ status: 'unpaid', endsAt: null }, failing).access).toBe('suspended')
})

test.each<[status: string, access: Access, reason: string]>([
  ['trialing', 'full', 'trialing'],
  ['active', 'full', 'subscription_active'],
  ['past_due', 'grace', 'payment_failed'],
  ['active', 'grace', 'payment_failed'],
  ['active', 'suspended', 'grace_over'],
  ['past_due', 'suspended', 'grace_over'],
  ['unpaid', 'suspended', 'unpaid'],
  ['paused', 'suspended', 'paused'],
  ['canceled', 'suspended', 'ended'],
  ['a status of next year', 'suspended', 'unknown_status'],
  ['incomplete', 'none', 'incomplete'],
  ['incomplete_expired', 'none', 'incomplete'],
])('%s and %s: because of %s', (status, access, reason) =>
  expect(reasonFor({ status, endsAt: null }, access)).toBe(reason),
)

test('who never subscribed, and what ends with its period, have reasons of their own', () => {
  expect(reasonFor(undefined, 'none')).toBe('never_subscribed')
  expect(reasonFor({ status: 'trialing', endsAt }, 'full')).toBe('ends_at_period_end')
})
