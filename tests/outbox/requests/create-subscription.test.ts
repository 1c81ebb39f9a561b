import { describe, expect, test } from 'vitest'
import { type Rates, usageTypes } from '../../../src/log/facts.ts'
import {
  decideSubscription,
  type SubscriptionKnown,
  type SubscriptionWanted,
  subscriptionRefusal,
  wantsAuthentication,
} from '../../../src/outbox/requests/create-subscription.ts'
import type { OperationUnderWay, StepUnderWay } from '../../../src/outbox/under-way.ts'
import { StripeFailure } from '../../../src/stripe/failure.ts'
import { outcomeOf, refusalOf } from '../../support/outcome.ts'

const base = (rate_cents: number) => {
  const platform_base = { rate_cents, per_units: 1 }
  const rates = Object.fromEntries(usageTypes.map((type) => [type, { rate_cents: 1, per_units: 1 }]))
  return { rates: { ...(rates as Rates), platform_base }, currency: 'usd' }
}
const step: StepUnderWay = { askedBy: 'step', key: 'step-1', sessionId: 'session-1' }
const operation: OperationUnderWay = {
  ...{ askedBy: 'operation', key: 'operation-1', operation: 'cancel', targetId: 'sub_1', params: {} },
}
const live = { subscription_id: 'sub_1', status: 'active' }
const known = (more: Partial<SubscriptionKnown> = {}): SubscriptionKnown => ({
  ...{ customerId: 'cus_1', live: null, underWay: [], card: base(0) },
  ...more,
})
const wanted = (
  askedBy: SubscriptionWanted['askedBy'],
  more: Partial<SubscriptionWanted> = {},
): SubscriptionWanted => ({
  ...{ tenantId: 'tenant_a', askedBy, customerId: 'cus_1', priceId: 'price_1', planId: 'basic' },
  currency: 'usd',
  ...{ paymentMethodId: null, trialDays: 0, discount: null, behavior: 'error_if_incomplete' },
  ...more,
})
const makesOne = { call: 'create_subscription', targetId: null }
const notFound = { refused: 'not_found', isPassing: false }
const hasOne = { refused: 'already_subscribed', details: live, isPassing: false }
const otherMoney = {
  refused: 'currency_mismatch',
  details: { currency: 'eur', rate_card_currency: 'usd' },
  isPassing: false,
}
const comesAgain = { refused: 'conflict', isPassing: true }

describe('given what is known, when a subscription is wanted', () => {
  test.each([
    ['the customer alone: one is made', known(), wanted('operation'), null, makesOne],
    ['the customer alone, for a step: one is made', known(), wanted('step'), null, makesOne],
    ['no customer: not found', known({ customerId: null }), wanted('operation'), null, notFound],
    ['another customer: not found', known({ customerId: 'cus_2' }), wanted('operation'), null, notFound],
    ['another since, for a step: its own', known({ customerId: 'cus_2' }), wanted('step'), null, makesOne],
    ['a live one: refused, with its id', known({ live }), wanted('operation'), null, hasOne],
    ['a live one, for a step: refused', known({ live }), wanted('step'), null, hasOne],
    ['the one of this request: that', known({ live }), wanted('operation'), 'sub_1', { objectId: 'sub_1' }],
    ['another than it made: refused', known({ live }), wanted('operation'), 'sub_0', hasOne],
    ['the one it made has ended: another', known(), wanted('operation'), 'sub_1', makesOne],
    ['a price in other money: refused', known(), wanted('operation', { currency: 'eur' }), null, otherMoney],
    ['likewise for a step', known(), wanted('step', { currency: 'eur' }), null, otherMoney],
    ['a live one comes before the money', known({ live }), wanted('step', { currency: 'eur' }), null, hasOne],
    ['a step under way: wait', known({ underWay: [step] }), wanted('operation'), null, comesAgain],
    ['an operation under way: wait', known({ underWay: [operation] }), wanted('step'), null, comesAgain],
    ['its own kind under way: no wait', known({ underWay: [step] }), wanted('step'), null, makesOne],
    [
      'a wait comes before the refusal, which it may end',
      known({ live, underWay: [step] }),
      wanted('operation'),
      null,
      comesAgain,
    ],
    [
      "a stranger's customer comes before the wait",
      known({ customerId: 'cus_2', underWay: [step] }),
      wanted('operation'),
      null,
      notFound,
    ],
  ])('%s', (_given, state, order, madeBefore, outcome) => {
    expect(outcomeOf(() => decideSubscription(state, order, madeBefore))).toMatchObject(outcome)
  })
})

describe('the call', () => {
  const bare = {
    customer: 'cus_1',
    items: [{ price: 'price_1' }],
    payment_behavior: 'error_if_incomplete',
    metadata: { tenant_id: 'tenant_a', plan_id: 'basic', stepledger_key: 'the-key' },
  }
  const discount = (promotion_code_id: string | null) => ({
    ...{ code: 'TEN', coupon_id: 'coupon_1', promotion_code_id, percent_off_ppm: 100_000 },
    ...{ amount_off_cents: null, duration: 'once' as const, duration_in_months: null },
  })
  test.each([
    ['says no more than is wanted', {}, bare],
    ['has a trial', { trialDays: 14 }, { ...bare, trial_period_days: 14 }],
    ['has the card', { paymentMethodId: 'pm_1' }, { ...bare, default_payment_method: 'pm_1' }],
    ['redeems a coupon', { discount: discount(null) }, { ...bare, discounts: [{ coupon: 'coupon_1' }] }],
    [
      'redeems a promotion code and not its coupon',
      { discount: discount('promo_1') },
      { ...bare, discounts: [{ promotion_code: 'promo_1' }] },
    ],
    [
      'waits for the bank',
      { behavior: 'allow_incomplete' as const },
      { ...bare, payment_behavior: 'allow_incomplete' },
    ],
    [
      'names the session',
      { sessionId: 'session-1' },
      { ...bare, metadata: { ...bare.metadata, session_id: 'session-1' } },
    ],
  ])('%s', (_given, more, params) => {
    expect(outcomeOf(() => decideSubscription(known(), wanted('step', more)))).toEqual({
      ...makesOne,
      params,
    })
  })

  const withBase = known({ card: base(10_000) })
  test('charges the platform base of the first month with the plan, which no discount lowers', () => {
    expect(outcomeOf(() => decideSubscription(withBase, wanted('operation')))).toEqual({
      ...makesOne,
      params: {
        ...bare,
        add_invoice_items: [
          {
            price_data: { product: 'stepledger_usage', currency: 'usd', unit_amount: 10_000 },
            quantity: 1,
            discountable: false,
            metadata: {
              ...{ tenant_id: 'tenant_a', usage_type: 'platform_base', stepledger_key: 'the-key:base' },
            },
          },
        ],
        metadata: { ...bare.metadata, stepledger_base_cents: '10000' },
      },
    })
  })

  test('charges no base before a trial: the first paid month is later', () => {
    expect(outcomeOf(() => decideSubscription(withBase, wanted('step', { trialDays: 14 })))).toEqual({
      ...makesOne,
      params: { ...bare, trial_period_days: 14 },
    })
  })
})

describe('what Stripe refuses is told in the terms of our own request', () => {
  const refused = (code: string, param: string | null, kind: 'rejected' | 'missing' = 'rejected') =>
    new StripeFailure(kind, code, `Stripe says no to ${param}`, { param }).toAppError()
  const field = (path: string) => ({
    refused: 'invalid_request',
    details: { fields: [{ path, message: expect.any(String) }] },
  })
  const noCard = { refused: 'payment_method_required', details: { stripe_code: 'resource_missing' } }
  test.each([
    ['a price', refused('resource_missing', 'items[0][price]', 'missing'), false, field('price_id')],
    [
      'a discount',
      refused('resource_missing', 'discounts[0][coupon]', 'missing'),
      false,
      field('discount_code'),
    ],
    ['a coupon', refused('coupon_not_applicable', 'coupon'), false, field('discount_code')],
    ['a promotion code', refused('parameter_invalid', 'promotion_code'), false, field('discount_code')],
    ['a trial', refused('parameter_invalid', 'trial_period_days'), false, field('trial_period_days')],
    [
      'the card that was named',
      refused('resource_missing', 'default_payment_method', 'missing'),
      true,
      field('payment_method_id'),
    ],
    ['a card that was not', refused('resource_missing', 'default_payment_method', 'missing'), false, noCard],
    ['that there is none', refused('resource_missing', null, 'missing'), false, noCard],
    ['a used coupon', refused('coupon_expired', 'discounts[0][coupon]'), false, { refused: 'conflict' }],
    ['a used code', refused('promotion_code_expired', 'discounts'), false, { refused: 'conflict' }],
    ['what is no field of ours', refused('parameter_invalid', 'metadata'), false, field('metadata')],
  ])('%s', (_what, error, hasPaymentMethod, refusal) => {
    expect(refusalOf(subscriptionRefusal(error, hasPaymentMethod))).toMatchObject(refusal)
  })

  test.each([
    ['a decline', new StripeFailure('declined', 'card_declined', 'no').toAppError()],
    ['an outage', new StripeFailure('unknown', 'api_error', 'no').toAppError()],
    ['a fault', new TypeError('a fault')],
  ])('%s comes back as it is', (_what, error) => {
    expect(subscriptionRefusal(error, true)).toBe(error)
  })
})

test.each([
  ['subscription_payment_intent_requires_action', true],
  ['authentication_required', true],
  ['card_declined', false],
  [undefined, false],
])('the bank wants the customer: %s is %s', (code, wants) => {
  expect(wantsAuthentication(code)).toBe(wants)
})
