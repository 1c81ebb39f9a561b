import type { Fact } from '../../log/facts.ts'
import type { Sighting } from '../../log/sighting.ts'
import type { Entry } from '../model.ts'

type WithoutPlace<E> = E extends Entry ? Omit<E, 'position' | 'at'> : never
/** An entry without its place, which is that of the fact that tells it. */
export type Told = WithoutPlace<Entry>

/** Hears the facts in their order, each once. `sighting`: the object of Stripe's that it shows, where it does. */
export type Teller = (fact: Fact, sighting: Sighting | undefined) => Told[]

/** A fact has a place for everything that it tells, before that of the next. */
const placesOfAFact = 16

export function telling({ position, recorded_at }: Fact, told: readonly Told[]): Entry[] {
  if (told.length > placesOfAFact)
    throw new Error(`the fact at ${position} tells more than it has places for`)
  const at = Date.parse(recorded_at)
  return told.map((entry, index) => ({ ...entry, at, position: position + index / placesOfAFact }))
}

/** Unix milliseconds of Stripe's unix seconds. */
export function instantOf(seconds: number): number
export function instantOf(seconds: number | null | undefined): number | null
export function instantOf(seconds: number | null | undefined): number | null {
  return seconds === null || seconds === undefined ? null : seconds * 1000
}
