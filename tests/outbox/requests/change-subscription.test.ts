import { describe, expect, test } from 'vitest'
import {
  decideCancel,
  decidePause,
  decidePlan,
  decideResume,
  type PlanWanted,
  type ProrationBehavior,
  type SubscriptionState,
} from '../../../src/outbox/requests/change-subscription.ts'
import { outcomeOf } from '../../support/outcome.ts'

type More = Partial<SubscriptionState>
const state = (status: string, more: More = {}): SubscriptionState => ({
  ...{ subscription_id: 'sub_1', item_id: 'si_1', price_id: 'price_1', status },
  ...{ cancel_at_period_end: 0, cancel_at: null, is_paused: 0 },
  ...{ billing_interval: 'month', billing_interval_count: 1 },
  ...more,
})
const ending: More = { cancel_at_period_end: 1 }
const endingOn: More = { cancel_at: '2027-01-01T00:00:00.000Z' }
const paused: More = { is_paused: 1 }
const asItIs = { objectId: 'sub_1' }
const update = (params: object) => ({ call: 'update_subscription', targetId: 'sub_1', params })
const cancelsNow = { call: 'cancel_subscription', targetId: 'sub_1', params: {} }
const refused = (message: RegExp, details: object = {}) => ({
  refused: 'conflict',
  message: expect.stringMatching(message),
  details: expect.objectContaining(details),
  isPassing: false,
})
const running = ['trialing', 'active', 'past_due', 'unpaid', 'paused', 'a status of tomorrow']
const ended = ['canceled', 'incomplete_expired']

describe('cancel', () => {
  type Cancellation = [string, More, boolean, object]
  test.each<Cancellation>([
    ...running.map((status): Cancellation => [status, {}, true, update({ cancel_at_period_end: true })]),
    ...running.map((status): Cancellation => [status, {}, false, cancelsNow]),
    ...ended.flatMap((status) => [true, false].map((atEnd): Cancellation => [status, {}, atEnd, asItIs])),
    ['active', ending, true, asItIs],
    ['active', ending, false, cancelsNow],
    ['active', paused, true, update({ cancel_at_period_end: true })],
    ['incomplete', {}, true, refused(/at_period_end false/, { status: 'incomplete' })],
    ['incomplete', {}, false, cancelsNow],
  ])(
    'given %s, %o; when it is to end, with the period: %s; then %o',
    (status, more, atPeriodEnd, outcome) => {
      expect(outcomeOf(() => decideCancel(state(status, more), { atPeriodEnd }))).toEqual(outcome)
    },
  )
})

describe('resume', () => {
  type Resumption = [string, More, object]
  test.each<Resumption>([
    ['active', {}, asItIs],
    ['active', ending, update({ cancel_at_period_end: false })],
    ['active', endingOn, update({ cancel_at: '' })],
    // Stripe gives the period's end as `cancel_at` too, and takes one of the two.
    ['active', { ...ending, ...endingOn }, update({ cancel_at_period_end: false })],
    ['active', paused, update({ pause_collection: '' })],
    ['active', { ...ending, ...paused }, update({ cancel_at_period_end: false, pause_collection: '' })],
    ['past_due', paused, update({ pause_collection: '' })],
    ['paused', {}, refused(/trial ended without a payment method/, { status: 'paused' })],
    ['incomplete', {}, refused(/waits for its first payment/, { status: 'incomplete' })],
    ...ended.map((status): Resumption => [status, {}, refused(/has ended/, { status })]),
  ])('given %s, %o; then %o', (status, more, outcome) => {
    expect(outcomeOf(() => decideResume(state(status, more)))).toEqual(outcome)
  })
})

describe('pause', () => {
  type Pause = [string, More, object]
  test.each<Pause>([
    ...running.map((status): Pause => [status, {}, update({ pause_collection: { behavior: 'void' } })]),
    ['active', paused, asItIs],
    ['incomplete', {}, refused(/waits for its first payment/, { status: 'incomplete', is_paused: false })],
    ...ended.map((status): Pause => [status, paused, refused(/has ended/, { status, is_paused: true })]),
  ])('given %s, %o; then %o', (status, more, outcome) => {
    expect(outcomeOf(() => decidePause(state(status, more)))).toEqual(outcome)
  })
})

describe('change of plan', () => {
  type Change = [string, More, PlanWanted, object]
  const to = (priceId: string, prorationBehavior: ProrationBehavior = 'create_prorations') => ({
    priceId,
    planId: 'enterprise',
    prorationBehavior,
    ...{ interval: 'month', intervalCount: 1 },
  })
  const yearly = { ...to('price_2', 'none'), interval: 'year' }
  const quarterly = { ...to('price_2', 'none'), intervalCount: 3 }
  const change = (prorationBehavior: ProrationBehavior) =>
    update({
      items: [{ id: 'si_1', price: 'price_2' }],
      proration_behavior: prorationBehavior,
      payment_behavior: 'error_if_incomplete',
      metadata: { plan_id: 'enterprise' },
    })
  test.each<Change>([
    ...running.map((status): Change => [status, {}, to('price_2'), change('create_prorations')]),
    ['active', {}, to('price_2', 'always_invoice'), change('always_invoice')],
    ['active', {}, to('price_2', 'none'), change('none')],
    ['active', {}, to('price_1', 'always_invoice'), asItIs],
    ['active', ending, to('price_2'), change('create_prorations')],
    ['active', paused, to('price_2'), change('create_prorations')],
    // An invoice that is made at once has to be collected.
    ...[yearly, quarterly, to('price_2', 'always_invoice')].flatMap((wanted): Change[] => [
      ['active', {}, wanted, change(wanted.prorationBehavior)],
      ['past_due', {}, wanted, change(wanted.prorationBehavior)],
      ['active', paused, wanted, refused(/resume it first/, { is_paused: true })],
      ['paused', paused, wanted, refused(/resume it first/, { status: 'paused' })],
      ['unpaid', {}, wanted, refused(/collect its open invoices first/, { status: 'unpaid' })],
      ['trialing', paused, wanted, change(wanted.prorationBehavior)],
    ]),
    ['incomplete', {}, to('price_2'), refused(/waits for its first payment/, { status: 'incomplete' })],
    ['incomplete', {}, to('price_1'), refused(/waits for its first payment/)],
    ...ended.map((status): Change => [status, ending, to('price_2'), refused(/has ended/, { status })]),
    ...ended.map((status): Change => [status, {}, to('price_1'), refused(/has ended/)]),
  ])('given %s, %o; when %o is wanted; then %o', (status, more, wanted, outcome) => {
    expect(outcomeOf(() => decidePlan(state(status, more), wanted))).toEqual(outcome)
  })
})
