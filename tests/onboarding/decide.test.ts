import { describe, expect, test } from 'vitest'
import type { OnboardingFact } from '../../machines/onboarding-facts.ts'
import { decideEnd } from '../../src/onboarding/cancel.ts'
import { decideCompletion } from '../../src/onboarding/complete.ts'
import { notCorrectable } from '../../src/onboarding/correct-applicant.ts'
import { wantsSetup } from '../../src/onboarding/setup-payment.ts'
import { evolve, initialSnapshot, type Snapshot } from '../../src/session/session.ts'
import { refusalOf, refusedBy } from '../support/outcome.ts'
import { fact } from '../support/statechart.ts'

/** What a step decides, given the facts of a session so far. */

const decline = { attempt: 1, is_decline: true, code: 'card_declined', decline_code: null, message: '' }
const started = [fact('onboarding.started', { session_id: 's', expires_at: '2027-01-01T00:00:00.000Z' })]
const customerAsked = [...started, fact('onboarding.customer_requested', { attempt: 1 })]
const customer = [...customerAsked, fact('onboarding.customer_created', { customer_id: 'cus_1' })]
const setupAsked = [...customer, fact('onboarding.payment_setup_requested', { attempt: 1 })]
const setup = [...setupAsked, fact('onboarding.payment_setup_created', { setup_intent_id: 'seti_1' })]
const card = { setup_intent_id: 'seti_1', payment_method_id: 'pm_1' }
const confirmed = [...setup, fact('onboarding.payment_confirmed', card)]
const chosen = [...confirmed, fact('onboarding.plan_selected', { plan_id: 'basic', discount: null })]
const subscribing = [...chosen, fact('onboarding.subscription_requested', { attempt: 1 })]
const declined = [...subscribing, fact('onboarding.subscription_failed', decline)]
const subscribed = (subscription_status: string) => [
  ...subscribing,
  fact('onboarding.subscription_created', { subscription_id: 'sub_1', subscription_status }),
]
const lapsed = [
  ...subscribed('active'),
  fact('onboarding.subscription_expired', { subscription_id: 'sub_1', subscription_status: 'canceled' }),
]
const completed = [...subscribed('active'), fact('onboarding.completed')]
const cancelled = [...chosen, fact('onboarding.cancelled', { reason: 'requested' })]
const expired = [...chosen, fact('onboarding.expired')]

const standing = (facts: readonly OnboardingFact[]): Snapshot =>
  facts.reduce((snapshot, each) => evolve(snapshot, each).snapshot, initialSnapshot)
const session = (facts: readonly OnboardingFact[]) => ({
  ...{ sessionId: 's', tenantId: 'tenant_a', version: facts.length, lastPosition: 0, updatedAt: '' },
  snapshot: standing(facts),
})
type Facts = readonly OnboardingFact[]
const notNow = (status: string, next_step: string | null, message: RegExp) => ({
  refused: 'step_not_allowed',
  message: expect.stringMatching(message),
  details: expect.objectContaining({ status, next_step }),
  isPassing: false,
})
const bank = /The bank wants the customer to authenticate/
const hasOne = /has a subscription: cancel that/

describe('cancel', () => {
  test.each<[string, Facts]>([
    ['started', started],
    ['a customer', customer],
    ['a SetupIntent', setup],
    ['a card', confirmed],
    ['a plan', chosen],
    ['a declined payment', declined],
  ])('given %s; then it is cancelled', (_given, facts) => {
    expect(decideEnd(session(facts))?.type).toBe('onboarding.cancelled')
  })
  test.each<[string, Facts, object]>([
    ['a customer being made', customerAsked, notNow('started', 'create_customer', /./)],
    ['a subscription being made', subscribing, notNow('plan_selected', 'create_subscription', /./)],
    ['a subscription', subscribed('active'), notNow('subscription_created', 'complete', hasOne)],
    [
      'one that waits for the bank',
      subscribed('incomplete'),
      notNow('subscription_created', 'complete', hasOne),
    ],
    ['completed', completed, notNow('completed', null, hasOne)],
    ['expired', expired, notNow('expired', null, /is expired; start a new one/)],
  ])('given %s; then it is refused', (_given, facts, refusal) => {
    expect(refusedBy(() => decideEnd(session(facts)))).toEqual(refusal)
  })
  test('given cancelled; then it stays so', () => expect(decideEnd(session(cancelled))).toBeNull())
})

describe('complete', () => {
  test.each(['active', 'trialing'])('given a subscription that is %s; then it is complete', (status) => {
    expect(decideCompletion(session(subscribed(status)))?.type).toBe('onboarding.completed')
  })
  test.each<[string, Facts, object]>([
    ['started', started, notNow('started', 'create_customer', /the next step is create_customer/)],
    ['a customer', customer, notNow('customer_created', 'setup_payment', /./)],
    ['a SetupIntent', setup, notNow('payment_setup', 'select_plan', /./)],
    ['a plan', chosen, notNow('plan_selected', 'create_subscription', /./)],
    ['a subscription being made', subscribing, notNow('plan_selected', 'create_subscription', /./)],
    [
      'one that waits for the bank',
      subscribed('incomplete'),
      notNow('subscription_created', 'complete', bank),
    ],
    ['one that has ended', lapsed, notNow('subscription_created', null, /has ended before onboarding/)],
    ['cancelled', cancelled, notNow('cancelled', null, /is cancelled; start a new one/)],
    ['expired', expired, notNow('expired', null, /is expired; start a new one/)],
  ])('given %s; then it is refused', (_given, facts, refusal) => {
    expect(refusedBy(() => decideCompletion(session(facts)))).toEqual(refusal)
  })
  test('given completed; then it stays so', () => expect(decideCompletion(session(completed))).toBeNull())
})

describe('a correction that the statechart does not take is refused', () => {
  const again = { refused: 'conflict', isPassing: true }
  const tooLate = /its details can no longer be corrected here/
  test.each<[string, Facts, object]>([
    ['a customer being made', customerAsked, again],
    ['a SetupIntent being made', setupAsked, again],
    ['a subscription being made', subscribing, again],
    ['a subscription', subscribed('active'), notNow('subscription_created', 'complete', tooLate)],
    ['completed', completed, notNow('completed', null, tooLate)],
    ['cancelled', cancelled, notNow('cancelled', null, /is cancelled; start a new one/)],
    ['expired', expired, notNow('expired', null, /is expired; start a new one/)],
  ])('given %s', (_given, facts, refusal) => {
    expect(standing(facts).can(fact('onboarding.applicant_corrected'))).toBe(false)
    expect(refusalOf(notCorrectable(session(facts)))).toMatchObject(refusal)
  })
})

describe('setup-payment', () => {
  test.each<[string, Facts, string | null, boolean]>([
    ['no SetupIntent yet', customer, null, true],
    ['one that waits for its card', setup, null, false],
    ['one with a card', confirmed, null, false],
    ['one that Stripe has canceled', setup, 'seti_1', true],
    ['a card that is not wanted any more', confirmed, 'seti_1', true],
    ['a later one than the one that is used up', setup, 'seti_0', false],
    ['a plan', chosen, null, false],
    ['a card that was declined at the first payment', declined, null, true],
    ['a subscription being made', subscribing, 'seti_1', false],
    ['a subscription', subscribed('active'), null, false],
    ['cancelled', cancelled, null, true],
    ['expired', expired, null, true],
  ])('given %s; used up %s; then another is wanted: %s', (_given, facts, usedUpId, isWanted) => {
    expect(wantsSetup(session(facts), usedUpId)).toBe(isWanted)
  })

  test.each<[string, Facts]>([
    ['cancelled', cancelled],
    ['expired', expired],
  ])('one that is %s is told so by the statechart', (_given, facts) => {
    const asked = fact('onboarding.payment_setup_requested', { attempt: 2 })
    expect(standing(facts).can(asked)).toBe(false)
  })
})
