import { expect, test } from 'vitest'
import { assertFree, type Obstacles } from '../../src/ops/erase-obstacles.ts'
import { refusedBy } from '../support/outcome.ts'

const none: Obstacles = { subscription_ids: [], due_cents: 0, invoice_ids: [], pending_effects: [] }
const subscription = { subscription_ids: ['sub_1'] }
const effect = { pending_effects: [{ effect_id: 'effect-1', kind: 'create_customer' }] }

test.each<[string, Partial<Obstacles>, { forgive: boolean }, RegExp | undefined]>([
  ['nothing', {}, { forgive: false }, undefined],
  ['a live subscription', subscription, { forgive: false }, /live subscription \(sub_1\)/],
  ['a live subscription', subscription, { forgive: true }, /live subscription \(sub_1\)/],
  ['a call under way', effect, { forgive: false }, /under way \(effect-1\)/],
  ['a call under way', effect, { forgive: true }, /under way \(effect-1\)/],
  ['what is due', { due_cents: 7 }, { forgive: false }, /7 cents are due/],
  ['what is due', { due_cents: 7 }, { forgive: true }, undefined],
  ['an open invoice', { invoice_ids: ['in_1'] }, { forgive: false }, /not settled \(in_1\)/],
  ['an open invoice', { invoice_ids: ['in_1'] }, { forgive: true }, undefined],
  ['two of them', { ...subscription, due_cents: 7 }, { forgive: false }, /sub_1\); 7 cents/],
])('given %s: %o, when a tenant is to be erased, %o, then %s', (_given, more, options, message) => {
  const obstacles = { ...none, ...more }
  const refusal = message && {
    refused: 'conflict',
    message: expect.stringMatching(message),
    details: obstacles,
    isPassing: false,
  }
  expect(refusedBy(() => assertFree(obstacles, options))).toEqual(refusal)
})
