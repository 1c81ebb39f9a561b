import { type OnboardingValue, onboardingMachine } from './onboarding.ts'
import { type CallingStep, callingSteps } from './onboarding-steps.ts'

/** Where a session is in the statechart, such as `plan_selected.creating_subscription` or `completed`. */
export type Place = PlaceIn<OnboardingValue>

type PlaceIn<Value> = Value extends string
  ? Value
  : { [Status in keyof Value & string]: `${Status}.${Value[Status] & string}` }[keyof Value & string]

export function placeOfValue(value: OnboardingValue): Place {
  return (typeof value === 'string' ? value : Object.entries(value).flat().join('.')) as Place
}

/** The places where a call is under way, each with its step. */
export const callsUnderWay: ReadonlyMap<Place, CallingStep> = new Map(
  Object.entries(onboardingMachine.states).flatMap(([status, { states }]) =>
    callingSteps
      .filter(({ call }) => call.waits in states)
      .map((step) => [`${status}.${step.call.waits}` as Place, step]),
  ),
)
