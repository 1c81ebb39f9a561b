import { describe, expect, test } from 'vitest'
import { onboardingMachine } from '../../machines/onboarding.ts'
import { onboardingFacts } from '../../machines/onboarding-facts.ts'
import { callsUnderWay } from '../../machines/onboarding-places.ts'
import {
  callingSteps,
  finalStatuses,
  onboardingSteps,
  sessionStatuses,
  stepAfter,
} from '../../machines/onboarding-steps.ts'
import { endingOf, evolve, placeOf, type Snapshot, statusOf } from '../../src/session/session.ts'
import { explored, possible, serializeState } from '../support/statechart.ts'

const begun = explored.filter(({ state }) => statusOf(state) !== 'new')
const asksForCall = (type: string) => callingSteps.some(({ asks }) => asks === type)
const underWay = (state: Snapshot) => callsUnderWay.get(placeOf(state))

describe('the chart and the table of the steps are of one mind', () => {
  test('each status is a state, and those without a next step are its ends', () => {
    expect(Object.keys(onboardingMachine.states)).toEqual(['new', ...sessionStatuses])
    const ends = Object.values(onboardingMachine.states).filter(({ type }) => type === 'final')
    expect(ends.map(({ key }) => key)).toEqual(finalStatuses)
  })

  test('the step after a status is the one that leads to the next', () => {
    expect(onboardingSteps.map(({ status }) => stepAfter(status))).toEqual([
      ...onboardingSteps.slice(1).map(({ step }) => step),
      null,
    ])
  })

  test.each(callingSteps)(
    '$step: what it asks is answered into its status, or fails to where it was',
    (step) => {
      const { answers, fails, waits } = step.call
      const asked = explored.flatMap(({ state, taken }) =>
        taken.filter(({ event }) => event.type === step.asks).map(({ next }) => ({ state, next })),
      )
      expect(asked).not.toEqual([])
      for (const { state, next } of asked) {
        expect(placeOf(next)).toBe(`${statusOf(state)}.${waits}`)
        expect(underWay(next)).toBe(step)
        const failed = possible(next).filter(({ type }) => type === fails)
        expect(failed.map((fact) => placeOf(evolve(next, fact).snapshot))).toEqual([placeOf(state)])
        for (const fact of possible(next).filter(({ type }) => type === answers)) {
          const isAgain = statusOf(state) === 'plan_selected' && step.step === 'setup_payment'
          expect(statusOf(evolve(next, fact).snapshot)).toBe(isAgain ? 'plan_selected' : step.status)
        }
      }
    },
  )
})

test('every type of fact is taken somewhere', () => {
  const types = new Set(explored.flatMap(({ taken }) => taken.map(({ event }) => event.type)))
  expect([...types].sort()).toEqual(Object.keys(onboardingFacts).sort())
})

test('one call at a time: the fact that asks leads to the wait for its answer, and none is asked for meanwhile', () => {
  for (const { state, taken } of explored)
    for (const { event, next } of taken) {
      const calls = evolve(state, event).effects.filter(({ type }) => type === 'callStripe')
      const { session_id } = next.context
      expect(calls, `${event.type} in ${placeOf(state)}`).toEqual(
        asksForCall(event.type)
          ? [{ type: 'callStripe', params: { session_id, call: underWay(next)?.call.request } }]
          : [],
      )
      if (underWay(state) !== undefined)
        expect([underWay(state)?.call.answers, underWay(state)?.call.fails]).toContain(event.type)
    }
})

test('no trap: from every place, whatever is done there, an end can be reached', () => {
  const ending = new Set<string>()
  for (let found = true; found; ) {
    found = false
    for (const { state, taken } of explored) {
      const leads = state.status === 'done' || taken.some(({ next }) => ending.has(serializeState(next)))
      if (!leads || ending.has(serializeState(state))) continue
      ending.add(serializeState(state))
      found = true
    }
  }
  expect(explored.map(({ state }) => serializeState(state)).filter((state) => !ending.has(state))).toEqual([])
})

/** What Stripe and the bank say in their own time. */
const answers = /_created$|_failed$|^onboarding\.subscription_(activated|expired)$/
const muchLater = '9999-01-01T00:00:00.000Z'

/** What can become of a session that everybody has left alone, with the facts that lead there. */
function ends(snapshot: Snapshot, way: string[]): [end: string, way: string[]][] {
  if (snapshot.status === 'done') return [[statusOf(snapshot), way]]
  const ending = endingOf(snapshot, muchLater)
  const facts =
    ending === null
      ? possible(snapshot).filter((fact) => answers.test(fact.type) && snapshot.can(fact))
      : [ending]
  expect(facts, `a way out of ${placeOf(snapshot)} after ${way.join(', ')}`).not.toEqual([])
  // Longer than any: it goes in a circle.
  expect(way.length, way.join(', ')).toBeLessThan(10)
  return facts.flatMap((fact) => ends(evolve(snapshot, fact).snapshot, [...way, fact.type]))
}

test.each(begun.map(({ state }) => [serializeState(state), state] as const))(
  'a session that is left alone in %s comes to an end by what Stripe or a timer does',
  (_name, state) => {
    const found = ends(state, [])
    expect(found.length).toBeGreaterThan(0)
    // Nobody who pays is told that the session has expired, and nobody is complete who does not.
    for (const [end, way] of found) {
      const isSubscribed =
        ['subscription_created', 'completed'].includes(statusOf(state)) ||
        way.includes('onboarding.subscription_created')
      if (isSubscribed) expect(['completed', 'cancelled']).toContain(end)
      else expect(['expired', 'cancelled']).toContain(end)
    }
  },
)
