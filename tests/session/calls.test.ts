import { expect, test } from 'vitest'
import { callingSteps } from '../../machines/onboarding-steps.ts'
import { nextAttempt, pendingCall } from '../../src/session/calls.ts'
import { evolve } from '../../src/session/session.ts'
import { explored, fact } from '../support/statechart.ts'

test.each(callingSteps)(
  'the call that $step asks for is the one that is waited for, under the same key',
  ({ step, asks, call }) => {
    const askable = explored.filter(({ taken }) => taken.some(({ event }) => event.type === asks))
    expect(askable).not.toEqual([])
    for (const { state } of askable) {
      expect(pendingCall({ snapshot: state })).toBe(null)
      const attempt = nextAttempt({ snapshot: state }, step)
      const { snapshot, effects } = evolve(state, fact(asks, attempt))
      const { session_id } = state.context
      const params = { session_id, call: call.request }
      expect(effects).toEqual([{ type: 'callStripe', params }])
      expect(pendingCall({ snapshot })).toEqual({ key: attempt.idempotency_key, params })
    }
  },
)

test('a second attempt has another key than the first', () => {
  const [first] = explored.filter(({ taken }) =>
    taken.some(({ event }) => event.type === 'onboarding.customer_requested'),
  )
  if (first === undefined) throw new Error('a customer can be asked for')
  const attempt = nextAttempt({ snapshot: first.state }, 'create_customer')
  const asked = evolve(first.state, fact('onboarding.customer_requested', attempt)).snapshot
  const failed = evolve(asked, fact('onboarding.customer_failed', { is_decline: false })).snapshot
  expect(pendingCall({ snapshot: failed })).toBe(null)
  expect(nextAttempt({ snapshot: failed }, 'create_customer')).toEqual({
    attempt: 2,
    idempotency_key: 'stepledger:s:create_customer:2',
  })
})
