import { expect, test } from 'vitest'
import { type AdjacencyMap, getAdjacencyMap } from 'xstate/graph'
import { onboardingMachine } from '../../machines/onboarding.ts'
import type { OnboardingFact } from '../../machines/onboarding-facts.ts'
import { endingOf, evolve, placeOf, type Snapshot, statusOf } from '../../src/session/session.ts'
import { exploration, possible, serializeState } from '../support/statechart.ts'

/** What Stripe and the bank say in their own time. */
const answers = /_created$|_failed$|^onboarding\.subscription_(activated|expired)$/
const muchLater = '9999-01-01T00:00:00.000Z'

/** What can become of a session that everybody has left alone, with the facts that lead there. */
function ends(snapshot: Snapshot, way: string[]): [end: string, way: string[]][] {
  if (snapshot.status === 'done') return [[statusOf(snapshot), way]]
  const ending = endingOf(snapshot, muchLater)
  const facts = ending === null ? possible(snapshot).filter(isAnswer(snapshot)) : [ending]
  expect(facts, `a way out of ${placeOf(snapshot)} after ${way.join(', ')}`).not.toEqual([])
  // Longer than any: it goes in a circle.
  expect(way.length, way.join(', ')).toBeLessThan(10)
  return facts.flatMap((fact) => ends(evolve(snapshot, fact).snapshot, [...way, fact.type]))
}
const isAnswer = (snapshot: Snapshot) => (fact: OnboardingFact) =>
  answers.test(fact.type) && snapshot.can(fact)

const adjacency = getAdjacencyMap(onboardingMachine, exploration) as AdjacencyMap<Snapshot, OnboardingFact>
const states = Object.values(adjacency)
  .map(({ state }) => state)
  .filter((state) => statusOf(state) !== 'new')

test.each(states.map((state) => [serializeState(state), state] as const))(
  'no trap: a session that is left alone in %s comes to an end',
  (_name, state) => {
    const found = ends(state, [])
    expect(found.length).toBeGreaterThan(0)
    // Nobody who pays is told that the session has expired, and nobody is complete who does not.
    for (const [end, way] of found) {
      const isSubscribed =
        /live|active|awaiting|lapsed/.test(placeOf(state)) ||
        way.some((type) => /subscription_created$/.test(type))
      if (isSubscribed || statusOf(state) === 'completed') expect(['completed', 'cancelled']).toContain(end)
      else expect(['expired', 'cancelled']).toContain(end)
    }
  },
)
